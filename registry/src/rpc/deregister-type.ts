import type { MethodImpl } from '@connectrpc/connect';
import { parseTypeName, parseVersion, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import type { Provider } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { registrarOf } from '../access.ts';
import { isBuiltIn } from '../builtin-types.ts';
import { type Core, tokenOf } from '../core.ts';
import { notFound } from '../refusals.ts';

const NAMED_MAX = 5; // providers that a refusal names

/** Removes a version of a context type that no provider offers. */
export function deregisterType(
  core: Core,
): MethodImpl<typeof RegistryService.method.deregisterType> {
  return async ({ name, version }, context) => {
    const { tenant } = registrarOf(context);
    parseTypeName('name', name);
    parseVersion('version', version);

    const written = await core.store.transact(async (tx) => {
      if (await isBuiltIn(tx, name)) throw builtIn(name);
      if (!(await tx.type(tenant, name, version))) {
        throw notFound(`type ${name} of version`, version);
      }
      const users = await tx.providersOffering(tenant, { type: name, version }, NAMED_MAX);
      if (users.length > 0) throw inUse(users);
      await tx.deleteType(tenant, name, version);
    });

    return { consistencyToken: tokenOf(core, written) };
  };
}

function builtIn(name: string) {
  return refuse(Reason.BUILT_IN, `the type ${name} is built in and stays`);
}

function inUse(users: readonly Provider[]) {
  const names = users.map(({ manifest }) => `${manifest?.name} ${manifest?.version}`).join(', ');
  return refuse(Reason.IN_USE, `providers offer this version: ${names}; deregister them first`);
}
