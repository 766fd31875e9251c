import type { CallContext } from '@weir/kit';
import type { ListContextRequest } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { type ListDeps, listAll } from '../list/list.ts';
import { askedBy } from './asked.ts';
import { listedItem, type RecordDeps, recorded } from './record.ts';

/** ListContext: a page of what there is to fetch. */
export function listContext(deps: ListDeps & RecordDeps) {
  return (request: ListContextRequest, context: CallContext) =>
    recorded(deps, context, async () => {
      const asked = askedBy(context);
      const { response, listed } = await listAll(deps, request, asked);
      const items = listed.map((one) => listedItem(asked.caller.tenant, one));
      const { purpose } = request;
      return { answer: response, record: { purpose, items } };
    });
}
