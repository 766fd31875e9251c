import type { HandlerContext } from '@connectrpc/connect';
import type {
  ListContextRequest,
  ListContextResponse,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import { type ListDeps, listAll } from '../list/list.ts';
import { askedBy } from './asked.ts';

/** ListContext: a page of what there is to fetch. */
export function listContext(deps: ListDeps) {
  return (request: ListContextRequest, context: HandlerContext): Promise<ListContextResponse> =>
    listAll(deps, request, askedBy(context));
}
