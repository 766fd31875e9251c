import type { JsonObject } from '@bufbuild/protobuf';
import type { Caller } from '@weir/kit';
import type { ProviderVersion } from '../snapshot/catalogue.ts';

/** What a provider is told of the caller: what its manifest asks for, and the tenant. */
export function told(provider: ProviderVersion, caller: Caller) {
  const attributes: JsonObject = {};
  for (const name of provider.principalAttributes) {
    const value = caller.attributes[name];
    if (value !== undefined) attributes[name] = value;
  }
  return {
    tenant: caller.tenant,
    principal: provider.wantsPrincipal ? caller.principal : '',
    attributes,
  };
}
