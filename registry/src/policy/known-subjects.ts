import type { Policy } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { Principal } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { everyPage } from '../pages.ts';
import type { Reader } from '../store/store.ts';

/** How many principals are looked at; of a tenant with more nothing is said. */
const PRINCIPALS_MAX = 5000;
const AT_ONCE = 500;

/** Who can be named in the rules of a tenant. */
export interface KnownSubjects {
  readonly principals: ReadonlySet<string>;
  /** Those that principals have, with those that they include. */
  readonly roles: ReadonlySet<string>;
}

/**
 * Who is known of a tenant. Undefined when others may come: the tenant believes tokens, which bring
 * principals and roles of their own, or it has too many principals to look at.
 */
export async function knownSubjects(
  reader: Reader,
  tenant: string,
  policies: readonly Policy[],
): Promise<KnownSubjects | undefined> {
  if ((await reader.issuers(tenant, { size: 1 })).items.length > 0) return undefined;
  const principals = await principalsOf(reader, tenant);
  if (!principals) return undefined;
  const roles = new Set(principals.flatMap(rolesOf));
  return {
    principals: new Set(principals.map(({ name }) => name)),
    roles: withIncluded(roles, policies),
  };
}

async function principalsOf(reader: Reader, tenant: string): Promise<Principal[] | undefined> {
  const all: Principal[] = [];
  for await (const principal of everyPage(AT_ONCE, (page) => reader.principals(tenant, page))) {
    if (all.length === PRINCIPALS_MAX) return undefined;
    all.push(principal);
  }
  return all;
}

function rolesOf({ attributes }: Principal): string[] {
  const roles = attributes?.roles;
  return Array.isArray(roles) ? roles.filter((role) => typeof role === 'string') : [];
}

function withIncluded(roles: ReadonlySet<string>, policies: readonly Policy[]): Set<string> {
  const included = new Map<string, string[]>();
  for (const { name, includes } of policies.flatMap(({ manifest }) => manifest?.roles ?? [])) {
    included.set(name, [...(included.get(name) ?? []), ...includes]);
  }
  const all = new Set(roles);
  // A set that grows while it is walked is walked to its end.
  for (const role of all) for (const inner of included.get(role) ?? []) all.add(inner);
  return all;
}
