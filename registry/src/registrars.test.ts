import { PrincipalKind, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestRegistry, type TestRegistry } from './test-registry.ts';

// What a watched provider tells is published as whoever registered its endpoint.

let weir: TestRegistry;
beforeAll(async () => {
  weir = await openTestRegistry();
  const { admin } = weir.as();
  for (const name of ['ann', 'bob']) {
    await admin.createPrincipal({ name, kind: PrincipalKind.USER });
  }
});
afterAll(() => weir?.[Symbol.asyncDispose]());

const manifest = (name: string, more = '') => ({
  source: {
    case: 'document' as const,
    value: `{ kind: Provider, name: ${name}, version: 1.0.0, watch: true, ${more}
      contexts: [{ type: DocChunk, version: 1.0.0 }] }`,
  },
});
const endpoints = 'endpoints: [{ url: "http://127.0.0.1:9" }],';
const as = (principal: string) => weir.as({ principal }).registry;

async function registrarsOf(name: string, scopes?: Scope[]) {
  const { registry } = scopes ? weir.as({ scopes }) : weir.as();
  const { provider } = await registry.getProvider({ name });
  return provider?.endpoints.map(({ registrar }) => registrar);
}

test('a process is registered by who calls, and only who may register learns of that', async () => {
  await as('ann').registerProvider(manifest('leased'));
  const at = {
    ...{ provider: 'leased', version: '1.0.0', endpoint: { url: 'http://127.0.0.1:8' } },
  };
  await as('bob').registerEndpoint(at);
  expect(await registrarsOf('leased')).toEqual(['bob']);
  await using router = await weir.watch();
  await router.until((held) =>
    [...held.values()].some(
      ({ body }) => body.case === 'endpoint' && body.value.endpoint?.registrar === 'bob',
    ),
  );
  await as('ann').registerEndpoint(at);
  expect(await registrarsOf('leased')).toEqual(['ann']);
  expect(await registrarsOf('leased', [Scope.READ])).toEqual(['']);
});

test('an address of the manifest is of who registered or changed that last', async () => {
  await as('ann').registerProvider(manifest('static', endpoints));
  await as('bob').registerProvider(manifest('static', endpoints));
  expect(await registrarsOf('static')).toEqual(['ann']);
  const { provider } = await as('ann').getProvider({ name: 'static' });
  const etag = provider?.etag ?? '';
  await as('bob').updateProvider({ ...manifest('static', endpoints), etag });
  expect(await registrarsOf('static')).toEqual(['bob']);
});

test('whoever registers it again stands in for one who is gone', async () => {
  const { admin, registry } = weir.as();
  await admin.createPrincipal({ name: 'eve', kind: PrincipalKind.USER });
  await as('eve').registerProvider(manifest('orphan', endpoints));
  await admin.deletePrincipal({ name: 'eve' });
  await registry.registerProvider(manifest('orphan', endpoints));
  expect(await registrarsOf('orphan')).toEqual(['ann']);
});

test('a provider that says watch shows how it is watched, others show nothing', async () => {
  const { registry } = weir.as();
  await registry.registerProvider(manifest('seen'));
  expect((await registry.getProvider({ name: 'seen' })).provider?.watch).toMatchObject({
    holder: '',
  });
  await registry.registerProvider(manifest('quiet', 'weight: 7,'));
  const { providers } = await registry.listProviders({});
  expect(providers.every(({ watch }) => watch === undefined)).toBe(true);
});
