import type { MethodImpl } from '@connectrpc/connect';
import { parseName, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { registrarOf } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { notFound } from '../refusals.ts';

/** Removes a consumer that no key names. */
export function deregisterConsumer(
  core: Core,
): MethodImpl<typeof RegistryService.method.deregisterConsumer> {
  return async ({ name }, context) => {
    const { tenant } = registrarOf(context);
    parseName('name', name);

    const written = await core.store.transact(async (tx) => {
      if (!(await tx.consumer(tenant, name))) throw notFound('consumer', name);
      const keys = await tx.keys(tenant, { consumer: name, unrevoked: true }, { size: 1 });
      if (keys.items.length > 0) throw inUse(name);
      await tx.deleteConsumer(tenant, name);
    });

    return { consistencyToken: tokenOf(core, written) };
  };
}

function inUse(name: string) {
  return refuse(Reason.IN_USE, `keys still name the consumer ${name}; revoke them first`);
}
