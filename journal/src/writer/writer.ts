import { type Clock, refuse, type WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { EntryKind } from '../format/header.ts';
import { ChainEncoder, type ChainMark } from './chain-encoder.ts';
import type { WriterObserver } from './observer.ts';
import type { Segments } from './segments.ts';

/** How a writer is. */
export type WriterState =
  /** It writes. */
  | { readonly kind: 'open' }
  /** A write takes so long that calls no longer wait for it. */
  | { readonly kind: 'stalled' }
  /** A write failed; it is tried again. */
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'closed' };

/** What a writer needs. */
export interface WriterOptions {
  readonly segments: Segments;
  readonly clock: Clock;
  /** Whether what is written counts only when it lies on the disk. */
  readonly durable: boolean;
  /** A segment of this size is closed. */
  readonly segmentMaxBytes: number;
  /** Why nothing may be written now, such as a budget that is used up; undefined: it may. */
  readonly forbidden: () => string | undefined;
  /** Resolves when there is room to go on after a failure; rejects while there is none. */
  readonly probe: () => Promise<void>;
  /** Makes the checkpoint of what the chain is, to end a segment with. */
  readonly checkpoint: (mark: ChainMark, timeMs: number) => Uint8Array;
  readonly observer: WriterObserver;
}

/** What waits while a write is under way, at most; more is refused. */
export const PENDING_MAX_BYTES = 8 * 1024 * 1024;
/** So much is written before the turn is over. */
const FLUSH_AT_BYTES = 1024 * 1024;
/** A write that takes longer is no longer waited for by calls. */
export const STALLED_AFTER_MS = 800;
/** How often it is tried again after a failure. */
const PROBE_EVERY_MS = 250;
/** A write on the loop that took longer shows a slow disk: for a while it is kept off the loop. */
const SLOW_WRITE_MS = 10;
const SLOW_FOR_MS = 5_000;
/** When a refused call may be tried again. */
const RETRY_MS = 1_000;

/** Those who wait for a turn of the loop to be written. */
interface Turn {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: WeirError) => void;
}

/** What is being written. */
interface Batch {
  readonly frames: Buffer;
  readonly turn: Turn;
  /** Where the chain was before it. */
  readonly before: ChainMark;
  readonly after: ChainMark;
  /** Whether it ends its segment. */
  readonly rotates: boolean;
}

/**
 * Writes the entries of one chain. All that is added during a turn of the event loop is written at
 * its end, by one write on the loop into the page cache: some microseconds, where the thread pool
 * would take ten times the processor. A disk that shows itself slow, and one that must confirm
 * each write, is written to in the background.
 */
export class Writer {
  readonly #options: WriterOptions;
  readonly #encoder = new ChainEncoder();
  #state: WriterState = { kind: 'open' };
  #turn: Turn | undefined;
  #inFlight: Batch | undefined;
  #written: ChainMark;
  #isScheduled = false;
  #slowUntilMs = 0;
  #probing: NodeJS.Timeout | undefined;
  #rotating: Promise<void> = Promise.resolve();

  /** Changes when entries before may no longer be in the segment, or nowhere: see SubjectRecord. */
  generation = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#written = this.#encoder.mark();
  }

  get state(): WriterState {
    return this.#state;
  }

  /** Where the chain is with all that was added. */
  get mark(): ChainMark {
    return this.#encoder.mark();
  }

  /** Where the chain is on the disk; what lies before it stays. */
  get written(): ChainMark {
    return this.#written;
  }

  /** Why nothing can be added now; undefined: it can. */
  refusal(): WeirError | undefined {
    return this.#state.kind === 'open' ? undefined : unavailable(this.#state);
  }

  /** Adds an entry. Throws JOURNAL_UNAVAILABLE. */
  add(kind: EntryKind, timeMs: number, body: Uint8Array): void {
    if (this.#state.kind !== 'open') throw unavailable(this.#state);
    if (this.#encoder.pendingBytes >= PENDING_MAX_BYTES) throw full();
    this.#encoder.add(kind, timeMs, body);
    if (this.#encoder.pendingBytes >= FLUSH_AT_BYTES) this.#flush();
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#endTurn);
  }

  /**
   * Resolves when all that was added is written, or with `durable` lies on the disk; undefined: it is
   * already. Rejects with JOURNAL_UNAVAILABLE.
   */
  settled(): Promise<void> | undefined {
    if (this.#encoder.pendingBytes === 0) return this.#inFlight?.turn.promise;
    this.#turn ??= newTurn();
    return this.#turn.promise;
  }

  /** Syncs what was written; a failure makes the writer fail. */
  async sync(): Promise<void> {
    if (this.#state.kind !== 'open') return;
    const startMs = this.#options.clock.monotonicMs();
    try {
      await this.#options.segments.sync();
      this.#options.observer.synced(this.#options.clock.monotonicMs() - startMs);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Writes what waits, and closes. Nothing can be added after it. */
  async close(): Promise<void> {
    await this.settled()?.catch(() => {});
    if (this.#state.kind === 'closed') return;
    this.#setState({ kind: 'closed' });
    clearTimeout(this.#probing);
    await this.#rotating;
    await this.#options.segments.rotate().catch(() => {});
  }

  /** No more: what waits is lost, and was answered to nobody. */
  abandon(why: string): void {
    this.#fail(new Error(why));
    clearTimeout(this.#probing);
    this.#setState({ kind: 'closed' });
  }

  readonly #endTurn = (): void => {
    this.#isScheduled = false;
    this.#flush();
  };

  #flush(): void {
    if (this.#inFlight || this.#encoder.pendingBytes === 0 || this.#state.kind !== 'open') return;
    const batch = this.#takeBatch();
    const { segments, durable, forbidden, clock } = this.#options;
    try {
      // A chain can always begin, or what is there could not even be shipped.
      const why = batch.before.position > 0 ? forbidden() : undefined;
      if (why !== undefined) throw new Error(why);
      segments.openNow(batch.before);
      const startMs = clock.monotonicMs();
      if (startMs < this.#slowUntilMs) {
        this.#writeLater(batch, true);
        return;
      }
      segments.addNow(batch.frames);
      const tookMs = clock.monotonicMs() - startMs;
      if (tookMs > SLOW_WRITE_MS) this.#slowUntilMs = startMs + tookMs + SLOW_FOR_MS;
      this.#options.observer.wrote(batch.frames.byteLength, tookMs);
      if (durable) {
        this.#writeLater(batch, false);
        return;
      }
    } catch (error) {
      this.#fail(error, batch);
      return;
    }
    this.#done(batch);
  }

  #takeBatch(): Batch {
    const { segments, segmentMaxBytes, checkpoint, clock } = this.#options;
    const rotates = segments.openBytes + this.#encoder.pendingBytes >= segmentMaxBytes;
    if (rotates) {
      const timeMs = clock.wallMs();
      this.#encoder.add('checkpoint', timeMs, checkpoint(this.#encoder.mark(), timeMs));
      this.generation += 1;
    }
    const turn = this.#turn ?? newTurn();
    this.#turn = undefined;
    const frames = this.#encoder.take();
    return { frames, turn, rotates, before: this.#written, after: this.#encoder.mark() };
  }

  /** Writes or, when that was done, syncs in the background. */
  #writeLater(batch: Batch, isToWrite: boolean): void {
    this.#inFlight = batch;
    const stalled = setTimeout(() => this.#stall(batch), STALLED_AFTER_MS);
    this.#commit(batch, isToWrite)
      .then(
        () => this.#done(batch),
        (error: unknown) => this.#fail(error, batch),
      )
      .finally(() => clearTimeout(stalled));
  }

  async #commit({ frames }: Batch, isToWrite: boolean): Promise<void> {
    const { segments, observer, clock, durable } = this.#options;
    if (isToWrite) {
      const startMs = clock.monotonicMs();
      await segments.add(frames);
      const tookMs = clock.monotonicMs() - startMs;
      if (tookMs > SLOW_WRITE_MS) this.#slowUntilMs = startMs + tookMs + SLOW_FOR_MS;
      observer.wrote(frames.byteLength, tookMs);
    }
    if (!durable) return;
    const startMs = clock.monotonicMs();
    await segments.sync();
    observer.synced(clock.monotonicMs() - startMs);
  }

  #done(batch: Batch): void {
    const { segments, observer } = this.#options;
    this.#inFlight = undefined;
    this.#written = batch.after;
    segments.written(batch.frames, batch.after.position);
    if (this.#state.kind === 'stalled') this.#setState({ kind: 'open' });
    if (batch.rotates) this.#rotate();
    batch.turn.resolve();
    observer.committed();
    // What came while it was written.
    this.#flush();
  }

  #rotate(): void {
    const closing = this.#options.segments.rotate();
    this.#rotating = Promise.all([this.#rotating, closing]).then(
      () => {},
      (error: unknown) => this.#fail(error),
    );
  }

  /** Calls no longer wait for a batch, which may still be written: a record too many does no harm. */
  #stall(batch: Batch): void {
    if (this.#inFlight !== batch || this.#state.kind !== 'open') return;
    this.#setState({ kind: 'stalled' });
    this.#refuseWaiting(batch, unavailable(this.#state));
  }

  /** Takes back what is not written for certain: nobody was answered on it. */
  #fail(error: unknown, batch?: Batch): void {
    if (this.#state.kind === 'closed') return;
    const why = error instanceof Error ? error.message : String(error);
    this.#setState({ kind: 'failed', why });
    if (batch === undefined && this.#inFlight) {
      // What is being written may still come right.
      this.#refuseWaiting(undefined, unavailable(this.#state));
      this.#schedule();
      return;
    }
    this.#inFlight = undefined;
    this.generation += 1;
    this.#encoder.rollback(this.#written);
    this.#refuseWaiting(batch, unavailable(this.#state));
    this.#schedule();
  }

  #refuseWaiting(batch: Batch | undefined, refusal: WeirError): void {
    batch?.turn.reject(refusal);
    this.#turn?.reject(refusal);
    this.#turn = undefined;
  }

  #schedule(): void {
    clearTimeout(this.#probing);
    this.#probing = setTimeout(() => void this.#recover(), PROBE_EVERY_MS);
    this.#probing.unref();
  }

  /** Goes on where the disk is known to be right, once there is room again. */
  async #recover(): Promise<void> {
    try {
      const why = this.#options.forbidden();
      if (why !== undefined) throw new Error(why);
      if (this.#inFlight) throw new Error('a write is still under way');
      this.#options.segments.cutNow();
      await this.#options.probe();
    } catch (error) {
      if (this.#state.kind !== 'failed') return;
      this.#setState({ kind: 'failed', why: error instanceof Error ? error.message : 'unknown' });
      this.#schedule();
      return;
    }
    if (this.#state.kind !== 'failed') return;
    this.#setState({ kind: 'open' });
    this.#flush();
  }

  #setState(state: WriterState): void {
    const before = this.#state;
    this.#state = state;
    if (before.kind !== state.kind) this.#options.observer.turned(state);
  }
}

function newTurn(): Turn {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Whoever waits for it learns of it; maybe nobody does.
  promise.catch(() => {});
  return { promise, resolve, reject };
}

function unavailable(state: WriterState): WeirError {
  const cause = 'why' in state ? state.why : state.kind;
  const text =
    'the record of the call cannot be written, so that it is not answered; try again, and tell the operator if it lasts';
  return refuse(Reason.JOURNAL_UNAVAILABLE, text, { retryDelayMs: RETRY_MS, cause });
}

function full(): WeirError {
  const text = 'more records wait to be written than there is room for; try again';
  return refuse(Reason.JOURNAL_UNAVAILABLE, text, { retryDelayMs: RETRY_MS });
}
