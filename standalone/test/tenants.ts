import { createWeir } from '@weir/sdk';
import { PrincipalKind, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { eventsOf } from './event-clients.ts';
import { type TestWeir, until } from './weir.ts';

// To open Weir takes seconds. Tests that need a log or policies of their own need no Weir of their own:
// a tenant is enough.

let tenants = 0;

/** A new tenant of a Weir: its administrator, and its events as that one has them. */
export async function openTenant({ weir: { url }, client: platform }: Opened) {
  tenants += 1;
  const { secret: key } = await platform.admin.createTenant({ name: `t${tenants}` });
  const client = createWeir({ url, key, timeoutMs: 60_000 });
  const events = eventsOf(url, key);
  await until(
    () =>
      client.registry.listTypes({ pageSize: 1 }).then(
        () => true,
        () => false,
      ),
    'the tenant is known',
    60_000,
  );
  return { weir: { url, key }, client, events, [Symbol.dispose]: () => client.close() };
}

/** A Weir, or a tenant of it. */
type Opened = Pick<TestWeir, 'client'> & { readonly weir: { readonly url: string } };

/** A principal with a key of its own. */
export async function openPrincipal(
  { weir: { url }, client }: Opened,
  name: string,
  scopes: Scope[] = [Scope.READ],
) {
  await client.admin.createPrincipal({ name, kind: PrincipalKind.AGENT });
  const { secret, key } = await client.admin.createKey({ principal: name, scopes });
  return { events: eventsOf(url, secret), keyId: key?.id ?? '' };
}
