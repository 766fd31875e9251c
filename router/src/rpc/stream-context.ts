import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type StreamContextRequest,
  type StreamContextResponse,
  StreamContextResponseSchema,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import { type AnswerDeps, beginAnswer } from '../answer.ts';
import { requireStillValid } from '../authenticate.ts';
import type { Outcome } from '../outcome.ts';
import { presentItem } from '../present.ts';
import { askedBy } from './asked.ts';

/** StreamContext: answers a batch item by item, each as soon as it is there. */
export function streamContext(deps: AnswerDeps) {
  return async function* (
    request: StreamContextRequest,
    context: HandlerContext,
  ): AsyncGenerator<StreamContextResponse> {
    if (!request.fetch) throw refuse(Reason.BATCH_EMPTY, 'fetch is missing; give the batch in it');
    const asked = askedBy(context);
    using answering = await beginAnswer(deps, request.fetch, asked);
    for await (const [outcome, index] of asTheyCome(answering.outcomes)) {
      // A slow reader may have lost the key since.
      requireStillValid(deps, asked.caller);
      yield create(StreamContextResponseSchema, { result: presentItem(outcome, index) });
    }
  };
}

/** The outcomes in the order in which they are there, with their positions. */
async function* asTheyCome(
  outcomes: readonly (Outcome | Promise<Outcome>)[],
): AsyncGenerator<[Outcome, number]> {
  const ready: [Outcome, number][] = [];
  let wake = () => {};
  outcomes.forEach((outcome, index) => {
    if (!(outcome instanceof Promise)) ready.push([outcome, index]);
    else {
      void outcome.then((late) => {
        ready.push([late, index]);
        wake();
      });
    }
  });
  for (let sent = 0; sent < outcomes.length; ) {
    const next = ready.shift();
    if (next) {
      sent++;
      yield next;
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}
