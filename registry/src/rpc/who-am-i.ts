import type { MethodImpl } from '@connectrpc/connect';
import { callerOf } from '@weir/kit';
import type { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';

/** Says who the caller is. */
export function whoAmI(): MethodImpl<typeof AdminService.method.whoAmI> {
  return (_request, context) => {
    const { tenant, principal, consumer, keyId, scopes } = callerOf(context);
    return { tenant, principal, consumer, keyId, scopes: [...scopes].sort((a, b) => a - b) };
  };
}
