import type { MethodImpl } from '@connectrpc/connect';
import type { PolicyService } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { administratorOf } from '../access.ts';
import type { Core } from '../core.ts';
import { parsePage } from '../pages.ts';

const PAGE_SIZE_MAX = 100;

/** Lists the policies in force. */
export function listPolicies(core: Core): MethodImpl<typeof PolicyService.method.listPolicies> {
  return async (request, context) => {
    const { tenant } = administratorOf(context, '');
    const page = parsePage(request, ['policies', tenant], PAGE_SIZE_MAX);
    const found = await core.store.policies(tenant, page);
    return { policies: [...found.items], nextPageToken: page.tokenAfter(found) };
  };
}
