import { create } from '@bufbuild/protobuf';
import {
  type CallContext,
  type CallHead,
  type LeanMethod,
  malformedMessage,
  requestIdKey,
} from '@weir/kit';
import {
  type FetchContextRequest,
  type FetchContextResponse,
  FetchContextResponseSchema,
  RouterService,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import { type AnswerDeps, type Answered, type Asked, answer } from '../answer.ts';
import type { AskedBatch } from '../batch.ts';
import { decodeBatch } from '../lane/decode-batch.ts';
import { encodeAnswer } from '../lane/encode-answer.ts';
import type { Outcome } from '../outcome.ts';
import { presentItem, withinBudget } from '../present.ts';
import { askedBy, askedInLane } from './asked.ts';
import { type Done, fetchedItems, type RecordDeps, recorded } from './record.ts';

type FetchDeps = AnswerDeps & RecordDeps;

/** FetchContext: answers a batch in one message. */
export function fetchContext(deps: FetchDeps) {
  return (request: FetchContextRequest, context: CallContext) =>
    fetched<FetchContextResponse>(deps, request, {
      head: context,
      asked: () => askedBy(context),
      encode: (sent) => create(FetchContextResponseSchema, { results: sent.map(presentItem) }),
    });
}

/** The same in the fast lane: bytes in, bytes out. */
export function fetchContextLean(deps: FetchDeps): LeanMethod {
  return {
    method: RouterService.method.fetchContext,
    answer: (call, message) =>
      fetched(deps, decoded(message, call), {
        head: call,
        asked: () => askedInLane(call),
        encode: (sent) => encodeAnswer(sent, call.headroom),
      }),
  };
}

function decoded(message: Uint8Array, { values }: CallHead): AskedBatch {
  try {
    return decodeBatch(message);
  } catch (error) {
    throw malformedMessage(error, values.get(requestIdKey));
  }
}

/** A call, in either lane. */
interface Way<T> {
  readonly head: CallHead;
  asked(): Asked;
  /** Makes the answer of what can be sent. */
  encode(sent: readonly Outcome[]): T;
}

function fetched<T>(
  deps: FetchDeps,
  request: AskedBatch,
  { head, asked, encode }: Way<T>,
): T | Promise<T> {
  return recorded(deps, head, () => {
    const by = asked();
    const done = ({ slots, outcomes }: Answered): Done<T> => {
      const sent = withinBudget(outcomes);
      const items = fetchedItems(by.caller.tenant, slots, outcomes, sent);
      return { answer: encode(sent), record: { purpose: request.purpose, items } };
    };
    const answered = answer(deps, request, by);
    return answered instanceof Promise ? answered.then(done) : done(answered);
  });
}
