import type { MethodImpl } from '@connectrpc/connect';
import { callerOf } from '@weir/kit';
import type { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';

/** Says who the caller is. */
export function whoAmI(): MethodImpl<typeof AdminService.method.whoAmI> {
  return (_request, context) => {
    const { scopes, permits, ...caller } = callerOf(context);
    const { tenant, principal, consumer, keyId, authentication } = caller;
    return {
      ...{ tenant, principal, consumer, keyId, authentication, permits: [...permits] },
      scopes: [...scopes].sort((a, b) => a - b),
    };
  };
}
