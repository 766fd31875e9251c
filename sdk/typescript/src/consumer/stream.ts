import type { Client } from '@connectrpc/connect';
import type { RouterService } from '../gen/weir/router/v1/router_pb.ts';
import type { RefInput } from '../ref.ts';
import { type FetchOptions, fetchRequest, toBatches, type Wanted } from './fetch.ts';
import { type ItemOutcome, readOutcome } from './item.ts';

/** Streams any number of refs; each outcome comes as soon as it is there. */
export async function* streamAll(
  router: Client<typeof RouterService>,
  inputs: readonly RefInput[],
  options: FetchOptions & { readonly timeoutMs: number },
): AsyncIterable<ItemOutcome> {
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, ...(options.signal ? [options.signal] : [])]);
  const call = { timeoutMs: options.timeoutMs, signal };
  try {
    yield* merge(toBatches(inputs).map((batch) => streamBatch(router, batch, options, call)));
  } finally {
    ended.abort();
  }
}

async function* streamBatch(
  router: Client<typeof RouterService>,
  batch: readonly Wanted[],
  options: FetchOptions,
  call: { readonly timeoutMs: number; readonly signal: AbortSignal },
): AsyncGenerator<ItemOutcome> {
  const fetch = fetchRequest(
    batch.map((wanted) => wanted.ref),
    options,
  );
  for await (const { result } of router.streamContext({ fetch }, call)) {
    const wanted = result && batch[result.index];
    if (wanted !== undefined) yield readOutcome(wanted.ref, wanted.index, result);
  }
}

/** Yields from several sources whatever comes first. */
export async function* merge<T>(sources: readonly AsyncGenerator<T>[]): AsyncIterable<T> {
  const next = async (source: AsyncGenerator<T>) => ({ source, step: await source.next() });
  const waiting = new Map(sources.map((source) => [source, next(source)]));
  try {
    while (waiting.size > 0) {
      const { source, step } = await Promise.race(waiting.values());
      if (step.done) {
        waiting.delete(source);
      } else {
        waiting.set(source, next(source));
        yield step.value;
      }
    }
  } finally {
    // Nobody waits any more for what is still under way, its errors included.
    for (const pending of waiting.values()) pending.catch(() => {});
  }
}
