import type { MethodImpl } from '@connectrpc/connect';
import { parseName, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { registrarOf } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { notFound } from '../refusals.ts';
import type { Transaction } from '../store/store.ts';

/** More issuers than a tenant may have. */
const ALL_ISSUERS = 100;

/** Removes a consumer that no credential names. */
export function deregisterConsumer(
  core: Core,
): MethodImpl<typeof RegistryService.method.deregisterConsumer> {
  return async ({ name }, context) => {
    const { tenant } = registrarOf(context);
    parseName('name', name);

    const written = await core.store.transact(async (tx) => {
      if (!(await tx.consumer(tenant, name))) throw notFound('consumer', name);
      await requireUnnamed(tx, tenant, name);
      await tx.deleteConsumer(tenant, name);
    });

    return { consistencyToken: tokenOf(core, written) };
  };
}

/** Who comes in as a consumer comes under its limits: they may not go before. */
async function requireUnnamed(tx: Transaction, tenant: string, name: string): Promise<void> {
  const keys = await tx.keys(tenant, { consumer: name, unrevoked: true }, { size: 1 });
  if (keys.items.length > 0) throw inUse('keys', name);
  const certificates = await tx.certificates(tenant, { consumer: name }, { size: 1 });
  if (certificates.items.length > 0) throw inUse('certificates', name);
  const issuers = await tx.issuers(tenant, { size: ALL_ISSUERS });
  if (issuers.items.some(({ consumer }) => consumer === name)) throw inUse('issuers', name);
}

function inUse(what: string, name: string) {
  return refuse(Reason.IN_USE, `${what} still name the consumer ${name}; remove them first`);
}
