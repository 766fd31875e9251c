import { createHmac, generateKeyPairSync, randomBytes, sign as signBytes } from 'node:crypto';
import { Code } from '@connectrpc/connect';
import { afterAll, beforeAll, expect } from 'vitest';
import { frame } from '../bad-input/wire.ts';
import { attack, attacks } from './attack.ts';
import { leaks, mintCanary } from './canary.ts';
import { type Claims, type Issuer, openIssuer } from './issuer.ts';
import { openWorld, type World } from './world.ts';

let world: World;
let issuer: Issuer;

beforeAll(async () => {
  world = await openWorld();
  issuer = await openIssuer();
  const { consistencyToken } = await world.admin.admin.putIssuer({
    issuer: { name: 'sso', url: issuer.url, audiences: ['weir'] },
  });
  await world.admin.fetch(['DocChunk/none'], { consistencyToken });
});

afterAll(async () => {
  await issuer[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const call = (token: string) => world.as(token).admin.whoAmI({});

/** The same on a connection of its own, which ends with it. */
async function codeOf(token: string): Promise<string | undefined> {
  const path = '/weir.registry.v1.AdminService/WhoAmI';
  return (await world.send('gRPC', { path, body: frame(Buffer.alloc(0)) }, token)).code;
}

/** Who is refused is not let in, however often they try, and nobody is dialled for it. */
async function expectRefused(token: string): Promise<void> {
  await expect(call(token)).rejects.toMatchObject({ code: Code.Unauthenticated });
  expect(world.canary.dialled).toBe(0);
}

attack(
  'token-audience',
  'a token for Weir lets its bearer in, so that the others can be told',
  async () => {
    const { principal } = await call(await issuer.sign());
    expect(principal).toBe('lin');
  },
);

const claims: Record<string, Claims> = {
  'for another audience': { aud: 'billing' },
  'for several others': { aud: ['billing', 'weir2', 'Weir', 'weir '] },
  'for nobody': { aud: undefined },
  'for an empty list': { aud: [] },
  'of another issuer': { iss: 'https://login.example' },
  'of an issuer that looks like it': { iss: 'URL/' },
  'of no issuer': { iss: undefined },
  'past its time': { exp: 1 },
  'without an end': { exp: undefined },
  'from tomorrow': { nbf: Math.floor(Date.now() / 1000) + 86_400 },
  'of nobody': { sub: undefined },
  'of a name that is none': { sub: '../root' },
};

attacks('token-audience', claims, async (given) => {
  const iss = given.iss === 'URL/' ? { iss: `${issuer.url}/` } : {};
  await expectRefused(await issuer.sign({ ...given, ...iss }));
});

attacks(
  'token-audience',
  {
    'an ID token': { typ: 'JWT', nonce: 'n', at_hash: 'x' },
    'a token of logout': { typ: 'logout+jwt' },
    'a proof of possession': { typ: 'dpop+jwt' },
  },
  async ({ typ, ...more }) => expectRefused(await issuer.sign(more, { typ })),
);

/** A token with another header, signed by whoever is given. */
function forged(header: object, signature: (text: string) => Buffer): string {
  const payload = {
    ...{ iss: issuer.url, aud: 'weir', sub: 'admin', scope: 'weir:read weir:admin' },
    exp: Math.floor(Date.now() / 1000) + 600,
  };
  const text = `${base64({ typ: 'at+jwt', kid: 'key-1', ...header })}.${base64(payload)}`;
  return `${text}.${signature(text).toString('base64url')}`;
}

const nothing = () => Buffer.alloc(0);
const own = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ownJwk = own.publicKey.export({ format: 'jwk' });
const byOwn = (text: string) => signBytes('sha256', Buffer.from(text), own.privateKey);
const byPublicKey = (text: string) => createHmac('sha256', issuer.publicKey).update(text).digest();
const canaryUrl = () => `http://127.0.0.1:${world.canary.port}/keys`;

const forgeries: Record<string, () => string> = {
  'without a signature': () => forged({ alg: 'none' }, nothing),
  'without a signature, spelled otherwise': () => forged({ alg: 'nOnE' }, nothing),
  'with an empty signature': () => forged({ alg: 'RS256' }, nothing),
  'without an algorithm': () => forged({}, byOwn),
  'with an empty algorithm': () => forged({ alg: '' }, byOwn),
  'signed with the public key as a shared secret': () => forged({ alg: 'HS256' }, byPublicKey),
  'signed by somebody else': () => forged({ alg: 'RS256' }, byOwn),
  'signed by somebody else, of another algorithm': () => forged({ alg: 'PS256' }, byOwn),
  'with a key of its own': () => forged({ alg: 'RS256', jwk: ownJwk }, byOwn),
  'with the address of its keys': () => forged({ alg: 'RS256', jku: canaryUrl() }, byOwn),
  'with the address of its certificates': () => forged({ alg: 'RS256', x5u: canaryUrl() }, byOwn),
  'with certificates of its own': () => forged({ alg: 'RS256', x5c: ['MIIB'] }, byOwn),
  'with an extension that nobody knows': () => forged({ alg: 'RS256', crit: ['x'], x: 1 }, byOwn),
  'with an empty list of extensions': () => forged({ alg: 'RS256', crit: [] }, byOwn),
  'with a body that is not encoded': () =>
    forged({ alg: 'RS256', b64: false, crit: ['b64'] }, byOwn),
  'with the path of a file for its key': () => forged({ alg: 'HS256', kid: '/dev/null' }, nothing),
  'with a query for its key': () => forged({ alg: 'RS256', kid: "' or 1=1 --" }, byOwn),
  'with the name of an object for its key': () => forged({ alg: 'RS256', kid: '__proto__' }, byOwn),
  'with a key that is no text': () => forged({ alg: 'RS256', kid: { a: 1 } }, byOwn),
  'with a key of 8 KB': () => forged({ alg: 'RS256', kid: 'k'.repeat(8_192) }, byOwn),
  'within a token': () => forged({ alg: 'RS256', cty: 'JWT' }, byOwn),
};

attacks('token-confusion', forgeries, async (forge) => expectRefused(forge()));

attacks(
  'token-confusion',
  {
    'a sound token with another subject': (token: string) => {
      const [head = '', body = '', signature = ''] = token.split('.');
      const text = Buffer.from(body, 'base64url').toString().replace('lin', 'root');
      return [head, Buffer.from(text).toString('base64url'), signature].join('.');
    },
    'a sound token without its signature': (token: string) => token.replace(/[^.]+$/, ''),
    'a sound token with two parts more': (token: string) => `${token}.e30.e30`,
    'a sound token with another header': (token: string) =>
      [base64({ alg: 'none' }), ...token.split('.').slice(1)].join('.'),
    'a sound token twice': (token: string) => `${token},${token}`,
  },
  async (alter) => expectRefused(alter(await issuer.sign())),
);

attacks(
  'token-confusion',
  {
    'an extension that nobody knows': { crit: ['x'], x: 1 },
    'the address of its keys': { jku: 'http://127.0.0.1:1/' },
    'a key of its own': { jwk: ownJwk },
  },
  // Well signed this time.
  async (header) => {
    const token = await issuer.sign({}, header).catch(() => undefined);
    if (token !== undefined) await expectRefused(token);
  },
);

attack('unknown-kids', 'a thousand tokens, each of another key', async () => {
  await call(await issuer.sign());
  const before = issuer.asked.length;
  const tokens = await Promise.all(
    Array.from({ length: 1_000 }, () => issuer.sign({}, { kid: randomBytes(8).toString('hex') })),
  );
  for (let at = 0; at < tokens.length; at += 50) {
    const tried = await Promise.all(tokens.slice(at, at + 50).map((token) => codeOf(token)));
    expect(new Set(tried)).toEqual(new Set(['Unauthenticated']));
  }
  const asked = issuer.asked.slice(before).filter((path) => path === '/jwks');
  expect(asked.length).toBeLessThanOrEqual(1);
  await call(await issuer.sign());
});

attack('fail-closed', 'a sound token while its issuer is away, and an unsound one', async () => {
  const other = await openIssuer();
  const { consistencyToken } = await world.admin.admin.putIssuer({
    issuer: { name: 'away', url: other.url, audiences: ['weir'] },
  });
  await world.admin.fetch(['DocChunk/none'], { consistencyToken });
  const token = await other.sign();
  await other[Symbol.asyncDispose]();
  for (const tried of [token, `${token.slice(0, -4)}AAAA`]) {
    expect(['Unauthenticated', 'Unavailable']).toContain(await codeOf(tried));
  }
});

const issuers: Record<string, () => string> = {
  'an issuer on loopback': () => canaryUrl(),
  'an issuer at the metadata of a cloud': () => 'http://169.254.169.254/',
  'an issuer by IPv6': () => `http://[::ffff:127.0.0.1]:${world.canary.port}`,
  'an issuer in another scheme': () => 'file:///etc/passwd',
};

attacks('ssrf', issuers, async (urlOf) => {
  const put = world.admin.admin.putIssuer({
    issuer: { name: 'inside', url: urlOf(), audiences: ['inside'] },
  });
  await expect(put).rejects.toMatchObject({ code: Code.InvalidArgument });
  expect(world.canary.dialled).toBe(0);
});

attack('canary-secret', 'tokens, and what was said of them', async () => {
  const secret = mintCanary();
  world.secrets.add(secret);
  const tokens = [
    await issuer.sign({ note: secret }),
    await issuer.sign({ aud: secret, note: secret }),
    await issuer.sign({ sub: undefined, note: secret }),
    `${(await issuer.sign({ note: secret })).slice(0, -4)}AAAA`,
  ];
  for (const token of tokens) {
    world.secrets.add(token.split('.')[2] ?? '');
    await call(token).catch(() => {});
  }
  const evidence = await world.close();
  expect(leaks(evidence, world.secrets)).toEqual([]);
});
