import type { MethodImpl } from '@connectrpc/connect';
import type { CallLogService } from '@weir/sdk/gen/weir/tools/v1/calls_pb';
import { administratorOf, requireTenant } from '../access.ts';
import type { CallStore } from '../calls/call-store.ts';
import { parseCallFilter } from '../calls/parse-filter.ts';
import type { Core } from '../core.ts';
import { parsePage } from '../pages.ts';

/** Lists calls of tools, newest first. */
export function listCalls(
  core: Core,
  calls: CallStore,
): MethodImpl<typeof CallLogService.method.listCalls> {
  return async (request, context) => {
    const { tenant } = administratorOf(context, request.tenant);
    const filter = parseCallFilter(request);
    const page = parsePage(request, ['calls', tenant, filter]);
    await requireTenant(core.store, tenant);
    const found = await calls.list(tenant, filter, page);
    return { calls: [...found.items], nextPageToken: page.tokenAfter(found) };
  };
}
