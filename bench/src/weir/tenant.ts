import type { Weir } from '@weir/sdk';
import { PrincipalKind, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Scenario } from '../model.ts';
import { itemType, providerName } from '../values.ts';
import { policiesOf, role } from './policies.ts';

const atOnce = 8;
/** A policy of 2,000 rules is read and checked. */
const timeoutMs = 60_000;

/**
 * Makes the tenant of a scenario through the public API: type, provider, policies, principals.
 * Returns the keys of the principals and the token of the last write.
 */
export async function equip(
  admin: Weir,
  scenario: Scenario,
  providerUrl: string,
): Promise<{ readonly keys: readonly string[]; readonly token: string }> {
  const document = (value: string) => ({ source: { case: 'document' as const, value } });
  await admin.registry.publishType(
    document(`name: ${itemType}\nversion: 1.0.0\nschema: { type: object }\n`),
  );
  await admin.registry.registerProvider(
    document(`
name: ${providerName}
version: 1.0.0
contexts:
  - { type: ${itemType}, version: 1.0.0, ttl: 1h, scope: tenant, sensitivity: internal }
endpoints:
  - { url: "${providerUrl}" }
# Nobody else that is measured holds it to fewer.
limits: { concurrentCalls: 1000 }
`),
  );
  for (const value of policiesOf(scenario)) {
    const policy = { source: { case: 'manifest' as const, value } };
    await admin.policy.putPolicy({ policy }, { timeoutMs });
  }
  const keys: string[] = [];
  let token = '';
  for (let from = 0; from < scenario.principals; from += atOnce) {
    const count = Math.min(atOnce, scenario.principals - from);
    const made = await Promise.all(
      Array.from({ length: count }, (_, i) => createCaller(admin, `caller-${from + i}`)),
    );
    keys.push(...made.map(({ secret }) => secret));
  }
  // One write after all others: its token stands for them.
  ({ consistencyToken: token } = await createCaller(admin, 'last'));
  return { keys, token };
}

async function createCaller({ admin }: Weir, name: string) {
  const attributes = { roles: [role], clearance: 2, project: 'apollo' };
  await admin.createPrincipal({ name, kind: PrincipalKind.SERVICE, attributes });
  return admin.createKey({ principal: name, title: 'bench', scopes: [Scope.READ] });
}
