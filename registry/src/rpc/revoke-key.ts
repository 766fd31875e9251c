import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { MethodImpl } from '@connectrpc/connect';
import type { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { administratorOf, requirePowerOver } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { isId } from '../fields.ts';
import { notFound } from '../refusals.ts';

/** Revokes a key, for good; once more changes nothing. */
export function revokeKey(core: Core): MethodImpl<typeof AdminService.method.revokeKey> {
  return async ({ tenant: named, id }, context) => {
    const { caller, tenant } = administratorOf(context, named);
    if (!isId(id)) throw notFound('key', id);

    const written = await core.store.transact(async (tx) => {
      const held = await tx.key(tenant, id);
      if (!held) throw notFound('key', id);
      requirePowerOver(caller, held.key.scopes);
      if (held.key.revokeTime) return held.key;
      const key = { ...held.key, revokeTime: timestampFromMs(core.clock.wallMs()) };
      await tx.putKey({ ...held, key });
      return key;
    });

    return { key: written.value, consistencyToken: tokenOf(core, written) };
  };
}
