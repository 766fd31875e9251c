import type { MethodImpl } from '@connectrpc/connect';
import { parseTypeName } from '@weir/kit';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { readerOf } from '../access.ts';
import { BUILT_IN_TENANT } from '../builtin-types.ts';
import type { Core } from '../core.ts';
import { pickVersion } from '../versions.ts';

/** Gets a version of a context type, built in or of the tenant. */
export function getType(core: Core): MethodImpl<typeof RegistryService.method.getType> {
  return async ({ name, version }, context) => {
    parseTypeName('name', name);
    const { tenant } = readerOf(context, name);
    const builtIn = await core.store.typeVersions(BUILT_IN_TENANT, name);
    const held = builtIn.length > 0 ? builtIn : await core.store.typeVersions(tenant, name);
    return { type: pickVersion(held, { what: 'type', name, version }) };
  };
}
