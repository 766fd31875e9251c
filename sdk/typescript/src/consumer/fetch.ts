import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { Client } from '@connectrpc/connect';
import { ContextRefSchema } from '../gen/weir/context/v1/context_pb.ts';
import { Reason } from '../gen/weir/errors/v1/reason_pb.ts';
import {
  type FetchContextRequest,
  FetchContextRequestSchema,
  type RouterService,
} from '../gen/weir/router/v1/router_pb.ts';
import { type ContextRef, type RefInput, toRef } from '../ref.ts';
import type { LinkOptions } from './follow.ts';
import { type ItemOutcome, readOutcome } from './item.ts';

/** The most refs that a call may carry. */
export const maxBatch = 256;

/** How many calls of one fetch are under way at once. */
const parallelCalls = 4;

/** How a call is made. */
export interface CallSettings {
  /** The time of the call, in milliseconds, retries included. Default: the client's `timeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** Cancels the call, upstream too. */
  readonly signal?: AbortSignal | undefined;
}

/** How items are fetched. */
export interface FetchOptions extends CallSettings, LinkOptions {
  /** The time for each item, in milliseconds; a late item is refused. Default: only the call's. */
  readonly itemTimeoutMs?: number | undefined;
  /** The least quality acceptable, from 0 to 1. Default: the client's `minQuality`, else any. */
  readonly minQuality?: number | undefined;
  /** The greatest age acceptable, in milliseconds; older items are fetched anew. Default: as the ttl says. */
  readonly maxAgeMs?: number | undefined;
  /** A token from an earlier write, which the answer then takes into account. */
  readonly consistencyToken?: string | undefined;
  /**
   * What the call is for, such as `support`: policies can ask for it, and records keep it. A name of
   * a-z, 0-9 and "-". Default: not stated.
   */
  readonly purpose?: string | undefined;
}

/** The request for some refs. */
export function fetchRequest(
  refs: readonly ContextRef[],
  options: FetchOptions,
): FetchContextRequest {
  const { itemTimeoutMs, minQuality, maxAgeMs, consistencyToken, purpose } = options;
  return create(FetchContextRequestSchema, {
    refs: refs.map((ref) =>
      create(ContextRefSchema, {
        type: ref.type,
        key: ref.key,
        versionRange: ref.versionRange ?? '',
        provider: ref.provider ?? '',
      }),
    ),
    minQuality: minQuality ?? 0,
    consistencyToken: consistencyToken ?? '',
    purpose: purpose ?? '',
    ...(itemTimeoutMs !== undefined && { itemTimeout: durationFromMs(itemTimeoutMs) }),
    ...(maxAgeMs !== undefined && { maxAge: durationFromMs(maxAgeMs) }),
  });
}

/** What a fetch works with. */
interface Fetching {
  readonly router: Client<typeof RouterService>;
  readonly options: FetchOptions;
  readonly deadline: number;
  /** Filled as answers come in, in the order of the refs. */
  readonly outcomes: ItemOutcome[];
}

/** A ref and its position among those asked for. */
export interface Wanted {
  readonly ref: ContextRef;
  readonly index: number;
}

/** Fetches any number of refs; the outcomes are in the order given. */
export async function fetchAll(
  router: Client<typeof RouterService>,
  inputs: readonly RefInput[],
  options: FetchOptions & { readonly timeoutMs: number },
): Promise<ItemOutcome[]> {
  const batches = toBatches(inputs);
  const deadline = performance.now() + options.timeoutMs;
  const fetching: Fetching = { router, options, deadline, outcomes: new Array(inputs.length) };
  const work = async (): Promise<void> => {
    for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
      await fetchBatch(fetching, batch);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(parallelCalls, batches.length) }, work));
  } finally {
    batches.length = 0;
  }
  return fetching.outcomes;
}

/** Cuts refs into batches of a size that a call may carry. */
export function toBatches(inputs: readonly RefInput[]): Wanted[][] {
  const wanted = inputs.map((input, index) => ({ ref: toRef(input), index }));
  const batches: Wanted[][] = [];
  for (let from = 0; from < wanted.length; from += maxBatch) {
    batches.push(wanted.slice(from, from + maxBatch));
  }
  return batches;
}

/**
 * Fetches a batch. What does not fit into the response budget is asked for again in batches of
 * a size that fits; an item that does not fit alone stays refused.
 */
async function fetchBatch(fetching: Fetching, batch: readonly Wanted[]): Promise<void> {
  let pending = await ask(fetching, batch);
  let size = nextSize(batch.length, pending.length);
  while (pending.length > 0) {
    const part = pending.slice(0, size);
    const refused = await askAgain(fetching, part);
    if (refused === undefined) return;
    const alone = part.length === 1;
    pending = [...(alone ? [] : refused), ...pending.slice(size)];
    size = nextSize(part.length, refused.length);
  }
}

function nextSize(asked: number, refused: number): number {
  if (refused === 0) return Math.min(maxBatch, asked * 2);
  return refused < asked ? asked - refused : Math.max(1, Math.floor(asked / 2));
}

/** Undefined when the call failed: what has come so far is kept, and the rest stays refused. */
async function askAgain(
  fetching: Fetching,
  part: readonly Wanted[],
): Promise<readonly Wanted[] | undefined> {
  try {
    return await ask(fetching, part);
  } catch (error) {
    if (fetching.options.signal?.aborted) throw error;
    return undefined;
  }
}

/** Makes one call, keeps its outcomes, and returns what was over the response budget. */
async function ask(fetching: Fetching, batch: readonly Wanted[]): Promise<readonly Wanted[]> {
  const { router, options, deadline, outcomes } = fetching;
  const refs = batch.map((wanted) => wanted.ref);
  const timeoutMs = Math.max(1, Math.ceil(deadline - performance.now()));
  const call = { timeoutMs, ...(options.signal && { signal: options.signal }) };
  const { results } = await router.fetchContext(fetchRequest(refs, options), call);
  const byPosition = new Map(results.map((result) => [result.index, result]));
  return batch.filter((wanted, position) => {
    const outcome = readOutcome(wanted.ref, wanted.index, byPosition.get(position));
    outcomes[wanted.index] = outcome;
    return !outcome.ok && outcome.refusal.reason === Reason.RESPONSE_BUDGET;
  });
}
