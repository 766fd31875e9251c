import { type Client, Code } from '@connectrpc/connect';
import { type Backoff, backoffMs, delay } from '../delay.ts';
import { WeirCallError } from '../errors.ts';
import { Reason } from '../gen/weir/errors/v1/reason_pb.ts';
import type { RouterService } from '../gen/weir/router/v1/router_pb.ts';
import type { RefInput } from '../ref.ts';
import { type FetchOptions, fetchRequest, toBatches, type Wanted } from './fetch.ts';
import { type ItemOutcome, type ItemRefusal, readOutcome } from './item.ts';

/** How items are streamed. */
export interface StreamOptions extends FetchOptions {
  /** How often a stream that breaks off is taken up again, at most. */
  readonly retries: number;
}

/** Streams any number of refs; each outcome comes as soon as it is there. */
export async function* streamAll(
  router: Client<typeof RouterService>,
  inputs: readonly RefInput[],
  options: StreamOptions & { readonly timeoutMs: number },
): AsyncIterable<ItemOutcome> {
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, ...(options.signal ? [options.signal] : [])]);
  const call = { deadline: performance.now() + options.timeoutMs, signal };
  try {
    yield* merge(toBatches(inputs).map((batch) => streamBatch(router, batch, options, call)));
  } finally {
    ended.abort();
  }
}

interface StreamCall {
  readonly deadline: number;
  readonly signal: AbortSignal;
}

const backoff: Backoff = { firstMs: 50, maxMs: 2_000 };

/**
 * Streams a batch. When the stream breaks off, what is still open is asked for again: of another
 * router, when the one that was asked stops. So is what it had no room for, once there is some.
 */
async function* streamBatch(
  router: Client<typeof RouterService>,
  batch: readonly Wanted[],
  options: StreamOptions,
  call: StreamCall,
): AsyncGenerator<ItemOutcome> {
  let open = batch;
  for (let attempt = 0; open.length > 0; attempt++) {
    const left = new Set(open);
    const crowded: ItemRefusal[] = [];
    let failure: unknown;
    let waitMs: number | undefined;
    try {
      for await (const [wanted, outcome] of streamOnce(router, open, options, call)) {
        if (isCrowded(outcome)) {
          crowded.push(outcome);
          continue;
        }
        left.delete(wanted);
        yield outcome;
      }
      if (crowded.length === 0) return;
      // Where some were served there is room for others; where none was, not for ever.
      const hopeful = left.size < open.length || attempt < options.retries;
      waitMs = hopeful
        ? Math.max(...crowded.map((each) => each.refusal.retryDelayMs ?? 0))
        : undefined;
    } catch (error) {
      failure = error;
      waitMs = waitBeforeRetry(error, attempt, options.retries);
    }
    const inTime = waitMs !== undefined && performance.now() + waitMs < call.deadline;
    if (waitMs === undefined || !inTime) {
      if (failure !== undefined) throw failure;
      return yield* crowded;
    }
    await delay(waitMs, call.signal).catch(() => {
      throw failure ?? cancelled(call.signal);
    });
    open = [...left];
  }
}

async function* streamOnce(
  router: Client<typeof RouterService>,
  batch: readonly Wanted[],
  options: FetchOptions,
  { deadline, signal }: StreamCall,
): AsyncGenerator<[Wanted, ItemOutcome]> {
  const refs = batch.map((wanted) => wanted.ref);
  const fetch = fetchRequest(refs, options);
  const timeoutMs = Math.max(1, Math.ceil(deadline - performance.now()));
  for await (const { result } of router.streamContext({ fetch }, { timeoutMs, signal })) {
    const wanted = result && batch[result.index];
    if (wanted) yield [wanted, readOutcome(wanted.ref, wanted.index, result)];
  }
}

/** The router had no room for the item then. */
function isCrowded(outcome: ItemOutcome): outcome is ItemRefusal {
  if (outcome.ok) return false;
  const { reason } = outcome.refusal;
  return reason === Reason.RESPONSE_BUDGET || reason === Reason.OVERLOADED;
}

function cancelled(signal: AbortSignal): WeirCallError {
  const text = 'cancelled by the caller';
  const parts = { code: Code.Canceled, reason: Reason.CANCELLED, text };
  return new WeirCallError({ ...parts, cause: signal.reason });
}

/** Undefined: the error will not pass. */
function waitBeforeRetry(error: unknown, attempt: number, retries: number): number | undefined {
  if (!(error instanceof WeirCallError) || error.code !== Code.Unavailable) return undefined;
  if (attempt >= retries) return undefined;
  return Math.max(backoffMs(backoff, attempt), error.retryDelayMs ?? 0);
}

/** Yields from several sources whatever comes first. */
export async function* merge<T>(sources: readonly AsyncGenerator<T>[]): AsyncIterable<T> {
  const next = (source: AsyncGenerator<T>) =>
    handled(source.next().then((step) => ({ source, step })));
  const waiting = new Map(sources.map((source) => [source, next(source)]));
  while (waiting.size > 0) {
    const { source, step } = await Promise.race(waiting.values());
    if (step.done) {
      waiting.delete(source);
    } else {
      waiting.set(source, next(source));
      yield step.value;
    }
  }
}

/** Its failure may come while the reader is busy, or has left: who waits for it learns of it. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
