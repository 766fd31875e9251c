import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { cutKey, drainingKey, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type FetchContextRequest,
  type StreamContextRequest,
  type StreamContextResponse,
  StreamContextResponseSchema,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import { type AnswerDeps, beginAnswer } from '../answer.ts';
import type { Slot } from '../authorise.ts';
import { decideAgain } from '../decide-again.ts';
import type { Outcome } from '../outcome.ts';
import { presentItem } from '../present.ts';
import { askedBy } from './asked.ts';
import { beginRecord, type CallRecord, fetchedItem, type RecordDeps } from './record.ts';
import { untilRevoked } from './until-revoked.ts';

/** What has come for one stream and is not read yet, in bytes: a few of the largest items. */
export const STREAM_HELD_MAX_BYTES = 16 * 1024 * 1024;
/** How long a stream goes on when the router stops, before what is open is left to another one. */
export const STREAM_DRAIN_MS = 2_000;
/** Another router has the time; this one asks for none. */
const MOVE_RETRY_MS = 50;

/** StreamContext: answers a batch item by item, each as soon as it is there. */
export function streamContext(deps: AnswerDeps & RecordDeps) {
  return async function* (
    request: StreamContextRequest,
    context: HandlerContext,
  ): AsyncGenerator<StreamContextResponse> {
    if (!request.fetch) throw refuse(Reason.BATCH_EMPTY, 'fetch is missing; give the batch in it');
    const { fetch } = request;
    const record = beginRecord(deps, context);
    try {
      yield* streamed(deps, fetch, context, record);
    } catch (error) {
      await record.refused(error, { purpose: fetch.purpose });
      throw error;
    }
  };
}

async function* streamed(
  deps: AnswerDeps & RecordDeps,
  fetch: FetchContextRequest,
  context: HandlerContext,
  record: CallRecord,
): AsyncGenerator<StreamContextResponse> {
  const asked = { ...askedBy(context), holdMaxBytes: STREAM_HELD_MAX_BYTES };
  using answering = await beginAnswer(deps, fetch, asked);
  using stopping = afterDraining(context.values.get(drainingKey));
  using _revoked = untilRevoked(deps, asked.caller, {
    end(error) {
      Object.assign(stopping, { fault: error });
      stopping.onNow();
    },
    cut: context.values.get(cutKey),
  });
  const again = decideAgain(deps, answering);
  for await (const [outcome, index] of asTheyCome(answering.outcomes, stopping)) {
    // The rules may be others since it was decided.
    let decided = again(outcome, index);
    while (decided instanceof Promise) decided = again(await decided, index);
    const items = [fetchedItem(asked.caller.tenant, answering.slots[index] as Slot, decided)];
    await record.answered({ purpose: fetch.purpose, items });
    yield create(StreamContextResponseSchema, { result: presentItem(decided, index) });
    answering.sent(outcome);
  }
}

/** Tells when a stream is to leave off. */
interface Stopping extends Disposable {
  readonly now: boolean;
  /** Why it is to end at once. */
  readonly fault: unknown;
  /** Called once, when it is to. */
  onNow: () => void;
}

function afterDraining(draining: AbortSignal): Stopping {
  let timer: NodeJS.Timeout | undefined;
  const begin = () => {
    timer = setTimeout(() => {
      Object.assign(stopping, { now: true });
      stopping.onNow();
    }, STREAM_DRAIN_MS);
  };
  const stopping: Stopping = {
    now: false,
    fault: undefined,
    onNow: () => {},
    [Symbol.dispose]() {
      clearTimeout(timer);
      draining.removeEventListener('abort', begin);
    },
  };
  if (draining.aborted) begin();
  else draining.addEventListener('abort', begin, { once: true });
  return stopping;
}

/**
 * The outcomes in the order in which they are there, with their positions. When the router stops,
 * throws an error that says which are still open.
 */
async function* asTheyCome(
  outcomes: readonly (Outcome | Promise<Outcome>)[],
  stopping: Stopping,
): AsyncGenerator<[Outcome, number]> {
  const ready: [Outcome, number][] = [];
  const open = new Set(outcomes.keys());
  let wake = () => {};
  stopping.onNow = () => wake();
  outcomes.forEach((outcome, index) => {
    if (!(outcome instanceof Promise)) ready.push([outcome, index]);
    else {
      void outcome.then((late) => {
        ready.push([late, index]);
        wake();
      });
    }
  });
  while (open.size > 0) {
    if (stopping.fault !== undefined) throw stopping.fault;
    const next = ready.shift();
    if (next) {
      yield next;
      open.delete(next[1]);
    } else if (stopping.now) {
      throw leftTo(open);
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}

/** `open` is what the caller has no outcome of, as positions and ranges of them: `0-3,7`. */
function leftTo(open: ReadonlySet<number>) {
  return refuse(
    Reason.OVERLOADED,
    `the router is shutting down; ask again for the ${open.size} refs that are still open`,
    { retryDelayMs: MOVE_RETRY_MS, metadata: { open: rangesOf([...open]) } },
  );
}

/** Ascending numbers, as text. */
function rangesOf(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last?.[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}
