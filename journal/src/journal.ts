import { setTimeout as sleep } from 'node:timers/promises';
import { DirectoryHeldError, ensureFolder, lockDirectory, type WeirError } from '@weir/kit';
import type { Chain } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { openChain } from './live-chain.ts';
import { type JournalOptions, SEGMENT_MAX_BYTES } from './options.ts';
import { recoverChains } from './recovery/recover.ts';
import { repeat, within } from './repeat.ts';
import { crowding } from './room.ts';
import { systemFiles } from './writer/files.ts';
import type { Writer, WriterState } from './writer/writer.ts';

/** What a journal can tell of itself. */
export interface JournalStats {
  readonly state: WriterState['kind'];
  /** Entries written since the start. */
  readonly entries: number;
  /** Bytes written since the start. */
  readonly bytes: number;
  /** Entries of this start that the registry does not have yet. */
  readonly unshipped: number;
  /** Chains of earlier starts that the registry does not have whole yet. */
  readonly unshippedChains: number;
  /** Chains that cannot be shipped, and are left for people: see docs/audit.md. */
  readonly asideChains: number;
  /** What those of earlier starts among them take of the disk; `usedBytes` is without it. */
  readonly asideBytes: number;
  /** What all other segments take of the disk. */
  readonly usedBytes: number;
  readonly maxBytes: number;
  /** Segments found damaged at the start, and set aside. */
  readonly damaged: number;
}

/** A journal that is being written: one chain, until the process ends. */
export interface Journal extends AsyncDisposable {
  readonly chain: Chain;
  /** Changes when subjects are to be recorded again: those before are in another segment, or lost. */
  readonly generation: number;
  /**
   * Adds a record. It is written at the end of this turn of the event loop: see `written`. Throws
   * JOURNAL_UNAVAILABLE, and a RangeError for a body longer than `BODY_MAX_BYTES`.
   */
  append(kind: 'call' | 'subject', timeMs: number, body: Uint8Array): void;
  /**
   * Resolves when all that was added is written (so that kill -9 does not lose it), or with `durable`
   * lies on the disk. Undefined: it is already. Rejects with JOURNAL_UNAVAILABLE: nothing of what
   * was waited for may be answered.
   */
  written(): Promise<void> | undefined;
  /** Why no record can be taken in now, to refuse a call before any work; undefined: one can. */
  refusal(): WeirError | undefined;
  /** Why no calls should be sent here; undefined: they may. */
  notReady(): string | undefined;
  /** What is wrong though calls may be sent here, for people; undefined: nothing. */
  warning(): string | undefined;
  readonly stats: JournalStats;
}

/** How often what was written is made to lie on the disk, without `durable`. */
export const SYNC_EVERY_MS = 100;
/** How often a checkpoint is signed and anchored while records come. */
export const CHECKPOINT_EVERY_MS = 500;
const HOUSEKEEPING_EVERY_MS = 1_000;
/** How long the end waits for the disk. */
export const CLOSE_WRITE_MAX_MS = 2_000;
/** An owner in another container that shows no sign of life for so long is gone. */
const LOCK_STALE_MS = 10_000;
const LOCK_LOOK_MS = 500;

/**
 * Opens a journal: takes its directory for this process alone, mends what an earlier start left,
 * begins a chain that is linked to the one before, and ships all of it. Throws when the directory
 * is in use by another process, or nothing can be written.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { directory, log, files = systemFiles } = options;
  await using stack = new AsyncDisposableStack();
  await ensureFolder('WEIR_DATA_DIR', directory);
  const lost = new AbortController();
  stack.use(await takeDirectory(directory, () => lost.abort()));
  const recovered = await recoverChains(directory, log);
  const parts = await openChain({ ...options, files }, recovered);
  const { chain, writer, retention, shipping, checkpoint } = parts;
  lost.signal.addEventListener('abort', () => {
    writer.abandon('another process has taken the journal');
  });
  let freeBytes = Number.POSITIVE_INFINITY;
  const keepHouse = async () => {
    await retention.sweep();
    freeBytes = await files.freeBytes(directory);
  };
  await keepHouse();
  const upkeep = stack.use(new DisposableStack());
  upkeep.use(repeat(SYNC_EVERY_MS, log, syncWhenWritten(writer, options.durable)));
  upkeep.use(repeat(CHECKPOINT_EVERY_MS, log, async () => checkpoint()));
  upkeep.use(repeat(HOUSEKEEPING_EVERY_MS, log, keepHouse));
  const { maxBytes, segmentMaxBytes = SEGMENT_MAX_BYTES } = options;
  const owned = stack.move();
  return {
    chain,
    get generation() {
      return writer.generation;
    },
    append: (kind, timeMs, body) => writer.add(kind, timeMs, body),
    written: () => writer.settled(),
    refusal: () => writer.refusal(),
    notReady() {
      if (writer.state.kind !== 'open') return `the journal is ${writer.state.kind}`;
      const { usedBytes, apartBytes } = retention;
      return crowding({ usedBytes, apartBytes, maxBytes, freeBytes, segmentMaxBytes });
    },
    warning() {
      const { asideChains } = shipping.stats();
      if (asideChains === 0) return undefined;
      return `chains of the journal that cannot be shipped: ${asideChains}; see docs/audit.md`;
    },
    get stats() {
      const { usedBytes, apartBytes: asideBytes } = retention;
      const { damaged } = recovered;
      const room = { usedBytes, asideBytes, maxBytes };
      return { ...parts.stats(), ...shipping.stats(), ...room, damaged };
    },
    async [Symbol.asyncDispose]() {
      upkeep[Symbol.dispose]();
      checkpoint();
      await within(CLOSE_WRITE_MAX_MS, writer.close());
      await shipping.finish();
      await owned.disposeAsync();
    },
  };
}

/** Takes the directory; waits for that of a process that may have died with its container. */
async function takeDirectory(directory: string, onLost: () => void): Promise<AsyncDisposable> {
  const options = { what: 'journal', staleMs: LOCK_STALE_MS, onLost };
  for (const end = performance.now() + 2 * LOCK_STALE_MS; ; await sleep(LOCK_LOOK_MS)) {
    try {
      return await lockDirectory(directory, options);
    } catch (error) {
      const mayWait = error instanceof DirectoryHeldError && error.mayBeGone;
      if (!mayWait || performance.now() > end) throw error;
    }
  }
}

/** Syncs what was written since the last time. */
function syncWhenWritten(writer: Writer, durable: boolean): () => Promise<void> {
  let synced = 0;
  return async () => {
    const { position } = writer.written;
    if (durable || position === synced) return;
    await writer.sync();
    synced = position;
  };
}
