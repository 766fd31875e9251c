import type { Caller } from '@weir/kit';
import { type Principal, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { noAttributes } from './keys.ts';

/**
 * The caller that a principal is whose provider tells something: the same object as long as the principal
 * does not change. Undefined: the registry does not know the principal, or it was disabled.
 */
export function callerOfRegistrar(
  { tenants }: Snapshot,
  tenant: string,
  name: string,
): Caller | undefined {
  const principal = tenants.get(tenant)?.principals.get(name);
  if (!principal || principal.disabled) return undefined;
  const known = callers.get(principal);
  if (known) return known;
  const caller: Caller = {
    ...{ tenant, principal: name, consumer: '', keyId: '', authentication: 'registration' },
    // Without it, it could not have registered anything.
    ...{ scopes: new Set([Scope.REGISTER]), permits: [], network: '' },
    attributes: principal.attributes ?? noAttributes,
  };
  callers.set(principal, caller);
  return caller;
}

const callers = new WeakMap<Principal, Caller>();
