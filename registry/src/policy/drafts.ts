import type { Caller } from '@weir/kit';
import type { Policy } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { PolicySource } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import type { CheckFor } from '../checks/checks.ts';
import type { Core } from '../core.ts';
import { notFound } from '../refusals.ts';
import { nextVersion } from './policies.ts';
import { readPolicies } from './read-policies.ts';

/** Policies that somebody tries. */
export interface Drafts {
  readonly tenant: string;
  /** Those in force, which they are tried against. */
  readonly inForce: readonly Policy[];
  /** Those that were given, as they would be. */
  readonly given: readonly Policy[];
  /** All that would be in force, by name. */
  readonly all: readonly Policy[];
}

/** Reads the policies of a request and sets them in the place of those of the same names. */
export async function draftPolicies(
  core: Pick<Core, 'store' | 'checks' | 'clock'>,
  request: { readonly policies: readonly PolicySource[]; readonly without?: readonly string[] },
  { caller, check }: { readonly caller: Caller; readonly check: CheckFor },
): Promise<Drafts> {
  const { tenant, principal: author } = caller;
  const read = await readPolicies(core.checks, request.policies, check);
  const inForce = await core.store.policiesInForce(tenant);
  const byName = new Map(inForce.map((policy) => [policy.manifest?.name ?? '', policy]));
  for (const name of request.without ?? []) {
    if (!byName.delete(name)) throw notFound('policy', name);
  }
  const given = read.map(({ manifest, hash }) => {
    const held = inForce.find((policy) => policy.manifest?.name === manifest.name);
    return nextVersion(core, held, { tenant, manifest, hash, author, comment: '' });
  });
  for (const policy of given) byName.set(policy.manifest?.name ?? '', policy);
  const all = [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, policy]) => policy);
  return { tenant, inForce, given, all };
}
