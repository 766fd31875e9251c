import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import {
  type FetchContextRequest,
  type FetchContextResponse,
  FetchContextResponseSchema,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import { type AnswerDeps, answer } from '../answer.ts';
import { presentBatch } from '../present.ts';
import { askedBy } from './asked.ts';
import { fetchedItems, type RecordDeps, recorded } from './record.ts';

/** FetchContext: answers a batch in one message. */
export function fetchContext(deps: AnswerDeps & RecordDeps) {
  return (request: FetchContextRequest, context: HandlerContext): Promise<FetchContextResponse> =>
    recorded(deps, context, async () => {
      const asked = askedBy(context);
      const { tenant } = asked.caller;
      const { slots, outcomes } = await answer(deps, request, asked);
      const results = presentBatch(outcomes);
      return {
        answer: create(FetchContextResponseSchema, { results }),
        record: { purpose: request.purpose, items: fetchedItems(tenant, slots, outcomes, results) },
      };
    });
}
