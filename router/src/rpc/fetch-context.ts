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

/** FetchContext: answers a batch in one message. */
export function fetchContext(deps: AnswerDeps) {
  return async (
    request: FetchContextRequest,
    context: HandlerContext,
  ): Promise<FetchContextResponse> => {
    const { outcomes } = await answer(deps, request, askedBy(context));
    return create(FetchContextResponseSchema, { results: presentBatch(outcomes) });
  };
}
