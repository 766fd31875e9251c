import { Code } from '@connectrpc/connect';
import type { ItemOutcome, Weir } from '@weir/sdk';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { afterAll, beforeAll, expect } from 'vitest';
import { attack, attacks } from './attack.ts';
import { leaks, mintCanary } from './canary.ts';
import { openWorld, type World } from './world.ts';

// Two tenants with the same names for everything, over one router and one provider, whose values
// tell for which tenant they were made.

let world: World;
const tenants = new Map<string, { readonly key: string; readonly client: Weir }>();

beforeAll(async () => {
  world = await openWorld();
  for (const name of ['acme', 'acme-docs']) {
    tenants.set(name, await world.newTenant(name));
    await world.introduce(clientOf(name), 'docs');
  }
  // Of the one the provider is called what the other's tenant ends with.
  await world.introduce(clientOf('acme'), 'docs-docs');
});

afterAll(() => world[Symbol.asyncDispose]());

function clientOf(name: string): Weir {
  const tenant = tenants.get(name);
  if (!tenant) throw new Error(`no tenant ${name}`);
  return tenant.client;
}

/** For which tenant a value was made. */
function madeFor(outcome: ItemOutcome | undefined): { tenant: string; key: string } | undefined {
  if (!outcome?.ok || !outcome.item.bytes) return undefined;
  return JSON.parse(Buffer.from(outcome.item.bytes).toString());
}

const keys: Record<string, readonly string[]> = {
  'the same key': ['a'],
  'keys with the separators of paths and lists': ['a/b', 'a', 'a:b', 'a|b', 'a,b', 'a;b', 'a b'],
  'keys that name the other tenant': ['acme/docs/a', 'acme-docs/docs/a', '../acme/a'.slice(3)],
  'keys with escaped separators': ['a%00b', 'a\\0b', 'a%2Fb', '\\u0000', '%00acme%00docs%00a'],
  'keys that look alike': ['ﬁle', 'file', 'ｆile', 'FILE', 'fıle', 'fi\u200ble', 'ﬃ'],
  'keys of many scripts': ['é', 'Å', 'Ω', '한', '𝒜', '👩‍👩‍👧'],
  'keys with the names of objects': ['__proto__', 'constructor', 'toString', 'hasOwnProperty'],
  'keys with the letters of JSON and Redis': ['{"a":1}', '*', 'weir:1:a', '\\r\\nFLUSHALL', '[]'],
};

attacks('cross-tenant-cache', keys, async (tried) => {
  for (let round = 0; round < 3; round++) {
    for (const [tenant, { client }] of tenants) {
      const outcomes = await client.fetch(tried.map((key) => ({ type: 'Docs', key })));
      const found = outcomes.map((outcome) => madeFor(outcome));
      expect(found).toEqual(tried.map((key) => ({ tenant, key })));
      if (round > 0)
        expect(new Set(outcomes.map(({ cache }) => cache))).toEqual(new Set(['hit-memory']));
    }
  }
});

attack('cross-tenant-cache', 'calls of both at once, over the same keys', async () => {
  const names = [...tenants.keys()];
  const calls = Array.from({ length: 100 }, async (_, i) => {
    const tenant = names[i % names.length] ?? '';
    const key = `shared/${i % 7}`;
    const [outcome] = await clientOf(tenant).fetch([{ type: 'Docs', key }]);
    return madeFor(outcome)?.tenant === tenant;
  });
  expect((await Promise.all(calls)).filter((own) => !own)).toEqual([]);
});

attacks(
  'cross-tenant-cache',
  {
    'NUL, which joins the parts of cache keys': 'a\0b',
    'a key in another normal form': 'e\u0301',
    'a key with a step up': '../acme/a',
  },
  async (key) => {
    const called = clientOf('acme').fetch([{ type: 'Docs', key }]);
    await expect(called).rejects.toMatchObject({ code: Code.InvalidArgument });
  },
);

/** Ways to alter a page token. */
const alterations: Record<string, (token: string) => string> = {
  'with another first letter': (token) => (token.startsWith('A') ? 'B' : 'A') + token.slice(1),
  'with another letter in its middle': (token) => {
    const at = token.length >> 1;
    return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
  },
  'cut short': (token) => token.slice(0, -3),
  'with more at its end': (token) => `${token}AAAA`,
  twice: (token) => token + token,
  'of nothing': () => Buffer.from('[]').toString('base64url'),
  'of another position': (token) => {
    const bytes = Buffer.from(token, 'base64url');
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = (bytes[middle] ?? 0) ^ 1;
    return bytes.toString('base64url');
  },
};

attacks('stolen-cursor', alterations, async (alter) => {
  const client = clientOf('acme');
  const list = { type: 'Docs', pageSize: 1 };
  const { nextPageToken } = await client.listPage(list);
  expect(nextPageToken).not.toBe('');
  const pageToken = alter(nextPageToken);
  expect(pageToken).not.toBe(nextPageToken);
  await expect(client.listPage({ ...list, pageToken })).rejects.toMatchObject({
    code: Code.InvalidArgument,
    reason: Reason.INVALID_PAGE,
  });
});

attack('stolen-cursor', 'one that another tenant was given', async () => {
  const list = { type: 'Docs', pageSize: 1 };
  const { nextPageToken: pageToken } = await clientOf('acme').listPage(list);
  const stolen = clientOf('acme-docs').listPage({ ...list, pageToken });
  await expect(stolen).rejects.toMatchObject({ reason: Reason.INVALID_PAGE });
});

attack('stolen-cursor', 'one that was given for another list', async () => {
  const client = clientOf('acme');
  const { nextPageToken: pageToken } = await client.listPage({ type: 'Docs', pageSize: 1 });
  const other = client.listPage({ type: 'Docs', keyPrefix: 'o', pageSize: 1, pageToken });
  await expect(other).rejects.toMatchObject({ reason: Reason.INVALID_PAGE });
});

attack('stolen-cursor', "one of the registry's lists, altered or of another tenant", async () => {
  const { registry } = clientOf('acme');
  const { nextPageToken: pageToken } = await registry.listTypes({ pageSize: 1 });
  const altered = `${pageToken.slice(0, -2)}${pageToken.endsWith('AA') ? 'BB' : 'AA'}`;
  for (const called of [
    registry.listTypes({ pageSize: 1, pageToken: altered }),
    clientOf('acme-docs').registry.listTypes({ pageSize: 1, pageToken }),
  ]) {
    await expect(called).rejects.toMatchObject({ reason: Reason.INVALID_PAGE });
  }
});

attack('forbidden-or-missing', "another tenant's type, provider and keys", async () => {
  const outsider = (await world.newTenant('outsider')).client;
  const told = async (ref: object) => {
    const [outcome] = await outsider.fetch([{ type: 'Docs', key: 'a', ...ref }]);
    if (!outcome || outcome.ok) throw new Error('it was let through');
    const { code, reason, text } = outcome.refusal;
    return { code, reason, text: text.replaceAll(/Docs|Nobodys/g, 'X') };
  };
  expect(await told({})).toEqual(await told({ type: 'Nobodys' }));
  expect(await told({ provider: 'docs' })).toEqual(
    await told({ type: 'Nobodys', provider: 'docs' }),
  );
});

attack('token-passing', 'what a caller proves itself with reaches no provider', async () => {
  const { client, key } = tenants.get('acme') ?? {};
  const extra = mintCanary();
  world.secrets.add(extra);
  await client?.router.fetchContext(
    { refs: [{ type: 'Docs', key: `passing/${Date.now()}` }] },
    { headers: { cookie: `session=${extra}`, 'x-api-key': extra, 'proxy-authorization': extra } },
  );
  const { headers } = world.asked.at(-1) ?? { headers: new Headers() };
  const seen = JSON.stringify([...headers]);
  expect(seen).not.toContain(extra);
  expect(seen).not.toContain(key);
  expect(headers.get('authorization')).toBeNull();
});

attack('token-passing', "a provider's own token lets nobody in", async () => {
  await world.introduce(
    clientOf('acme'),
    'guarded',
    'authentication: { bearer: "secret://docs-token" }',
  );
  await clientOf('acme').fetch(['Guarded/a']);
  const own = world.asked.at(-1)?.headers.get('authorization')?.replace('Bearer ', '');
  expect(own).toMatch(/^canary/);
  await expect(world.as(own).fetch(['Docs/a'])).rejects.toMatchObject({
    code: Code.Unauthenticated,
  });
});

attack('canary-secret', 'what tenants did here', async () => {
  const evidence = await world.close();
  expect(leaks(evidence, world.secrets)).toEqual([]);
  expect(world.canary.dialled).toBe(0);
});
