import { randomBytes } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type Caller,
  type Clock,
  createLogger,
  createOutboundFetch,
  createOutboundGuard,
  type Peer,
  reasonOf,
} from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { type IssuerSchema, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { SnapshotEntry } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { base64url, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEntries } from '../../test/entries.ts';
import { openTestIssuer, type TestIssuer } from '../../test/issuer.ts';
import { requireStillValid } from '../authenticate.ts';
import { createSnapshotHolder, type SnapshotHolder } from '../snapshot/holder.ts';
import { applyEntries, emptySnapshot } from '../snapshot/snapshot.ts';
import { fetchKeySet } from './discovery.ts';
import { askAgainMs, createKeySets, keysMaxAgeMs, refreshMs } from './key-sets.ts';
import { createTokens, type Tokens } from './tokens.ts';

const log = createLogger({ name: 'test', level: 'silent' });
const nobody: Peer = { address: '127.0.0.1', certificate: undefined };

/** A clock that goes on when it is told to. */
function openClock(): Clock & { goOn(ms: number): void } {
  let aheadMs = 0;
  return {
    wallMs: () => Date.now() + aheadMs,
    monotonicMs: () => performance.now() + aheadMs,
    goOn: (ms) => {
      aheadMs += ms;
    },
  };
}

interface Gate {
  readonly tokens: Tokens;
  readonly holder: SnapshotHolder;
  readonly clock: ReturnType<typeof openClock>;
  apply(...changes: SnapshotEntry[]): void;
  callerOf(text: string, peer?: Peer): Promise<Caller>;
}

const fetch = createOutboundFetch(createOutboundGuard({ allow: ['loopback'], log }));

let issuer: TestIssuer;
let gate: Gate;
const entries = createEntries();
let revision = 0n;

type IssuerInit = MessageInitShape<typeof IssuerSchema>;
const believe = (more: IssuerInit = {}) =>
  entries.issuer({ name: 'sso', url: issuer.url, audiences: ['weir'], ...more });

function openGate(): Gate {
  const clock = openClock();
  const holder = createSnapshotHolder(clock);
  const tokens = createTokens({ holder, clock, keySets: createKeySets({ fetch, clock, log }) });
  return {
    ...{ tokens, holder, clock },
    apply(...changes) {
      const at = { epoch: 'e', revision: ++revision };
      holder.replace(applyEntries(holder.current, changes, at), 0);
    },
    callerOf: async (text, peer = nobody) => tokens.callerOf(text, peer),
  };
}

beforeAll(async () => {
  issuer = await openTestIssuer();
});
afterAll(() => issuer[Symbol.asyncDispose]());
beforeEach(() => {
  issuer.up = true;
  (issuer.asked as string[]).length = 0;
  gate = openGate();
  gate.holder.replace(emptySnapshot, 0);
  gate.apply(believe(), entries.principal('lin', { roles: ['reader'] }));
});

function disabled(name: string): SnapshotEntry {
  const entry = entries.principal(name);
  if (entry.body.case === 'principal') entry.body.value.disabled = true;
  return entry;
}

const askedForKeys = () => issuer.asked.filter((path) => path === '/jwks').length;

async function isRefused(text: string): Promise<unknown> {
  return gate.callerOf(text).then(
    () => 'let in',
    (error: unknown) => reasonOf(error),
  );
}

describe('a token of a known issuer', () => {
  it('lets its principal in, with what the registry knows of it', async () => {
    const token = await issuer.sign({ scope: 'openid weir:read' });
    expect(await gate.callerOf(token)).toMatchObject({
      tenant: 'acme',
      principal: 'lin',
      keyId: 'sso',
      authentication: 'token',
      scopes: new Set([Scope.READ]),
      permits: [],
      attributes: { roles: ['reader'] },
    });
  });

  it('is verified once: the next call is answered at once, with the same attributes', async () => {
    const token = await issuer.sign();
    const first = await gate.callerOf(token);
    const next = gate.tokens.callerOf(token, nobody);
    expect(next).not.toBeInstanceOf(Promise);
    expect((await next).attributes).toBe(first.attributes);
    expect(issuer.asked).toHaveLength(2);
  });

  it('brings attributes by paths of claims; those of the registry go before', async () => {
    gate.apply(
      believe({
        attributeClaims: {
          roles: 'realm_access.roles',
          groups: 'https://example.org/groups',
          clearance: 'clearance',
          __proto__: 'x',
        },
      }),
    );
    const claims = {
      realm_access: { roles: ['admin'] },
      'https://example.org/groups': 'staff',
      clearance: 3,
    };
    const { attributes } = await gate.callerOf(await issuer.sign(claims));
    expect(attributes).toEqual({ roles: ['reader'], groups: ['staff'], clearance: 3 });
    const stranger = await gate.callerOf(await issuer.sign({ ...claims, sub: 'zoe' }));
    expect(stranger.attributes).toEqual({ roles: ['admin'], groups: ['staff'], clearance: 3 });
  });

  it('names the principal by another claim, behind a prefix', async () => {
    gate.apply(believe({ principalClaim: 'email', principalPrefix: 'sso:' }));
    const caller = await gate.callerOf(await issuer.sign({ email: 'lin@example.org' }));
    expect(caller.principal).toBe('sso:lin@example.org');
  });

  it.each(['', 'auth0|42', 'Lin', '../admin', 'a'.repeat(200)])(
    'cannot be used when its claim makes no name: %j',
    async (sub) => {
      expect(await isRefused(await issuer.sign({ sub }))).toBe(Reason.CREDENTIAL_INVALID);
    },
  );
});

describe('scopes', () => {
  const granted = async (claims: JWTPayload, more: IssuerInit = {}) => {
    gate.apply(believe(more));
    const { scopes, permits } = await gate.callerOf(await issuer.sign(claims));
    return { scopes: [...scopes].sort(), permits };
  };

  it('are those that the token names, of those that the issuer may give', async () => {
    const all = { scope: 'weir:read weir:register weir:admin weir:platform' };
    expect((await granted(all)).scopes).toEqual([Scope.READ]);
    const most = [Scope.READ, Scope.REGISTER, Scope.ADMIN, Scope.PLATFORM];
    expect((await granted(all, { scopes: most })).scopes).toEqual([1, 2, 3]);
    expect((await granted({ scp: ['weir:register'] }, { scopes: most })).scopes).toEqual([2]);
  });

  it('that name none of ours let do nothing', async () => {
    expect(await granted({ scope: 'openid profile' })).toEqual({ scopes: [], permits: [] });
    expect(await granted({})).toEqual({ scopes: [], permits: [] });
  });

  it('go down to action and type, and what cannot be read gives nothing', async () => {
    const narrow = { scope: 'weir:fetch:DocChunk weir:list:* weir:burn:*' };
    expect(await granted(narrow)).toEqual({
      scopes: [Scope.READ],
      permits: ['fetch:DocChunk', 'list:*'],
    });
    expect(await granted({ scope: 'weir:burn:* weir:fetch:Doc-Chunk weir:' })).toEqual({
      scopes: [],
      permits: [],
    });
    // Who may read everything is not narrowed down by saying so too.
    expect(await granted({ scope: 'weir:read weir:fetch:A' })).toMatchObject({ permits: [] });
    expect(await granted(narrow, { scopes: [Scope.REGISTER] })).toEqual({
      scopes: [],
      permits: [],
    });
  });
});

/** A token as an attacker makes it: any header, any signature. */
function forge(header: object, claims: object, signature = 'AAAA'): string {
  const part = (value: object) => base64url.encode(JSON.stringify(value));
  return `${part(header)}.${part(claims)}.${signature}`;
}

describe('a confused token is refused, and nobody is asked for its sake', () => {
  const claims = () => ({ iss: issuer.url, aud: 'weir', sub: 'lin', exp: 4_000_000_000 });
  const es = { alg: 'ES256', kid: 'key-1', typ: 'at+jwt' };
  const forged: Record<string, () => string | Promise<string>> = {
    'no algorithm': () => forge({ alg: 'none', typ: 'at+jwt' }, claims(), ''),
    'no algorithm, with a signature': () => forge({ alg: 'none', typ: 'at+jwt' }, claims()),
    'HS256 with the public key': () =>
      new SignJWT(claims())
        .setProtectedHeader({ alg: 'HS256', kid: 'key-1', typ: 'at+jwt' })
        .sign(Buffer.from(JSON.stringify(issuer.keys[0]))),
    jku: () => forge({ ...es, jku: `${issuer.url}/evil` }, claims()),
    x5u: () => forge({ ...es, x5u: `${issuer.url}/evil` }, claims()),
    'a key of its own': () => issuer.sign({}, { jwk: issuer.keys[0] }),
    'crit that nobody knows': () => forge({ ...es, crit: ['x'], x: 1 }, claims()),
    'a key name with a path': () => forge({ ...es, kid: '../../dev/null' }, claims()),
    'a key name with NUL': () => forge({ ...es, kid: 'a\0b' }, claims()),
    'a key name of 10,000 characters': () => forge({ ...es, kid: 'a'.repeat(10_000) }, claims()),
    'a key name that is a URL': () => forge({ ...es, kid: 'http://127.0.0.1/k' }, claims()),
    'a key name that is no text': () => forge({ ...es, kid: 7 }, claims()),
    'another issuer': () => issuer.sign({ iss: 'https://evil.example' }),
    'another audience': () => issuer.sign({ aud: 'someone-else' }),
    'no audience': () => issuer.sign({ aud: [] }),
    'an ID token': () => issuer.sign({ nonce: 'n' }, { typ: 'JWT' }),
    'a token of logout': () => issuer.sign({ events: {} }, { typ: 'logout+jwt' }),
    'a refresh token of Keycloak': () => issuer.sign({ typ: 'Refresh' }, { typ: 'JWT' }),
    'a token bound by DPoP': () => issuer.sign({ cnf: { jkt: 'x' } }),
    'a service assertion': () => issuer.sign({}, { typ: 'weir-assertion+jwt' }),
    'no JWT': () => 'abc',
    'four parts': () => `${forge(es, claims())}.x`,
    'no JSON': () => 'YQ.YQ.YQ',
    'an array': () => `${base64url.encode('[]')}.${base64url.encode('[]')}.YQ`,
  };

  it.each(Object.keys(forged))('%s', async (name) => {
    // The keys are there already, so that whatever is asked is asked for this token.
    await gate.callerOf(await issuer.sign());
    const asked = issuer.asked.length;
    gate.clock.goOn(askAgainMs);
    expect(await isRefused((await forged[name]?.()) ?? '')).toBe(Reason.CREDENTIAL_INVALID);
    expect(issuer.asked).toHaveLength(asked);
  });

  it('another signature, and another time', async () => {
    const token = await issuer.sign();
    const [head, body] = token.split('.');
    expect(await isRefused(`${head}.${body}.${'A'.repeat(86)}`)).toBe(Reason.CREDENTIAL_INVALID);
    const nowS = Math.floor(Date.now() / 1000);
    expect(await isRefused(await issuer.sign({ exp: nowS - 60 }))).toBe(Reason.CREDENTIAL_INVALID);
    expect(await isRefused(await issuer.sign({ exp: undefined as never }))).toBe(
      Reason.CREDENTIAL_INVALID,
    );
    expect(await isRefused(await issuer.sign({ nbf: nowS + 60 }))).toBe(Reason.CREDENTIAL_INVALID);
    expect(await isRefused(token)).toBe('let in');
  });
});

describe('the keys of an issuer', () => {
  it('are got once for a thousand unknown names of keys, and the good token goes on', async () => {
    const good = await issuer.sign();
    await gate.callerOf(good);
    gate.clock.goOn(askAgainMs);
    const before = askedForKeys();
    const bad = await Promise.all(
      Array.from({ length: 1000 }, (_, i) => issuer.sign({}, { kid: `unknown-${i}` })),
    );
    for (let i = 0; i < bad.length; i += 200) {
      const reasons = await Promise.all(bad.slice(i, i + 200).map(isRefused));
      expect(new Set(reasons)).toEqual(new Set([Reason.CREDENTIAL_INVALID]));
    }
    expect(askedForKeys() - before).toBe(1);
    expect(await isRefused(good)).toBe('let in');
    gate.clock.goOn(askAgainMs);
    await isRefused(await issuer.sign({}, { kid: 'unknown-again' }));
    expect(askedForKeys() - before).toBe(2);
  });

  it('are found anew when it has rotated them', async () => {
    await gate.callerOf(await issuer.sign());
    await issuer.rotate();
    gate.clock.goOn(askAgainMs);
    expect(await isRefused(await issuer.sign())).toBe('let in');
  });

  it('serve on while it is away, for a day', async () => {
    await gate.callerOf(await issuer.sign());
    issuer.up = false;
    gate.clock.goOn(refreshMs + 1);
    const hour = 3600;
    const long = { exp: Math.floor(Date.now() / 1000) + 48 * hour };
    expect(await isRefused(await issuer.sign({ ...long, jti: '1' }))).toBe('let in');
    gate.clock.goOn(keysMaxAgeMs);
    expect(await isRefused(await issuer.sign({ ...long, jti: '2' }))).toBe(
      Reason.ISSUER_UNAVAILABLE,
    );
    issuer.up = true;
    gate.clock.goOn(askAgainMs);
    expect(await isRefused(await issuer.sign({ ...long, jti: '3' }))).toBe('let in');
  });

  it.each([
    ['more than 8192 bits', 16_384, 'AQAB'],
    ['an exponent as long as itself', 3_072, randomBytes(384).toString('base64url')],
  ])('with %s are not used: a token would cost too much', async (_, bits, e) => {
    const n = randomBytes(bits / 8);
    n[0] = 0xff;
    const kid = 'dear';
    issuer.keys.unshift({ kty: 'RSA', n: n.toString('base64url'), e, kid, alg: 'RS256' });
    const known = await fetchKeySet(fetch, new URL('/jwks', issuer.url));
    expect(known.keys).toHaveLength(issuer.keys.length - 1);
    expect(known.keys.some((key) => key.kid === kid)).toBe(false);
    issuer.keys.shift();
  });

  it('are asked for once by all who need them first, and once in 30 s when it is away', async () => {
    issuer.up = false;
    const tokens = await Promise.all(
      Array.from({ length: 20 }, (_, i) => issuer.sign({ jti: String(i) })),
    );
    const reasons = new Set(await Promise.all(tokens.map(isRefused)));
    expect(reasons).toEqual(new Set([Reason.ISSUER_UNAVAILABLE]));
    expect(issuer.asked).toHaveLength(1);
  });
});

describe('what let a token in can end', () => {
  it('its issuer is believed no longer, or otherwise', async () => {
    const token = await issuer.sign();
    const caller = await gate.callerOf(token);
    const valid = () => requireStillValid(gate, caller);
    valid();
    // The same again, as after a whole new snapshot.
    gate.apply(believe());
    valid();
    gate.apply(believe({ scopes: [Scope.ADMIN] }));
    expect(valid).toThrow('the token is not valid');
    gate.apply(entries.removed('issuer/acme/sso'));
    expect(valid).toThrow('the token is not valid');
    expect(await isRefused(token)).toBe(Reason.CREDENTIAL_INVALID);
  });

  it('its principal is disabled', async () => {
    const token = await issuer.sign();
    const caller = await gate.callerOf(token);
    gate.apply(disabled('lin'));
    expect(() => requireStillValid(gate, caller)).toThrow('the token is not valid');
    expect(await isRefused(token)).toBe(Reason.CREDENTIAL_INVALID);
  });

  it('it expires', async () => {
    const token = await issuer.sign();
    const caller = await gate.callerOf(token);
    gate.clock.goOn(700_000);
    expect(() => requireStillValid(gate, caller)).toThrow('the token is not valid');
    expect(await isRefused(token)).toBe(Reason.CREDENTIAL_INVALID);
  });
});

it('a pair of issuer and audience that two tenants claim belongs to neither', async () => {
  const other = createEntries('umbrella');
  gate.apply(other.issuer({ name: 'theirs', url: issuer.url, audiences: ['weir', 'umbrella'] }));
  expect(await isRefused(await issuer.sign())).toBe(Reason.CREDENTIAL_INVALID);
  const theirs = await gate.callerOf(await issuer.sign({ aud: 'umbrella' }));
  expect(theirs.tenant).toBe('umbrella');
});

it('a token for audiences of two tenants is for neither', async () => {
  const other = createEntries('umbrella');
  gate.apply(other.issuer({ name: 'theirs', url: issuer.url, audiences: ['umbrella'] }));
  expect(await isRefused(await issuer.sign({ aud: ['weir', 'umbrella'] }))).toBe(
    Reason.CREDENTIAL_INVALID,
  );
});

it('a token bound to a certificate is taken only over a connection with it', async () => {
  const token = await issuer.sign({ cnf: { 'x5t#S256': 'thumb' } });
  const certificate = { uris: [], subject: 'CN=a', notAfterMs: 9e12, thumbprint: 'thumb' };
  const with_ = (thumbprint: string): Peer => ({
    address: '',
    certificate: { ...certificate, thumbprint },
  });
  expect((await gate.callerOf(token, with_('thumb'))).principal).toBe('lin');
  await expect(gate.callerOf(token, with_('other'))).rejects.toThrow('the token is not valid');
  expect(await isRefused(token)).toBe(Reason.CREDENTIAL_INVALID);
});

/** An issuer that takes every question and answers none until it is let go. */
async function openHangingIssuer() {
  const waiting = new Set<ServerResponse>();
  const server = createServer((_, response) => void waiting.add(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async asked() {
      await expect.poll(() => waiting.size).toBeGreaterThan(0);
    },
    letGo() {
      for (const response of waiting) response.writeHead(503).end();
      waiting.clear();
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('while a token is being verified', () => {
  it.each([
    ['its issuer is believed no longer', () => entries.removed('issuer/acme/sso')],
    ['its issuer may give less', () => believe({ scopes: [Scope.ADMIN] })],
    ['its principal is disabled', () => disabled('lin')],
  ])('%s: what is in force at its end decides', async (_, change) => {
    const token = await issuer.sign({ scope: 'weir:read' });
    const answering = Promise.withResolvers<void>();
    issuer.before = () => answering.promise;
    const first = isRefused(token);
    await expect.poll(() => issuer.asked.length).toBe(1);
    gate.apply(change());
    // One that comes now shares the work that was begun before.
    const second = gate.callerOf(token).then(
      ({ scopes }) => [...scopes],
      () => [],
    );
    answering.resolve();
    issuer.before = undefined;
    const caller = await gate.callerOf(token).catch(() => undefined);
    expect(caller?.scopes.has(Scope.READ) ?? false).toBe(false);
    expect(await second).not.toContain(Scope.READ);
    if (!caller) expect(await first).toBe(Reason.CREDENTIAL_INVALID);
  });

  it('an issuer that hangs keeps no other out', async () => {
    await using hanging = await openHangingIssuer();
    const other = createEntries('umbrella');
    gate.apply(other.issuer({ name: 'slow', url: hanging.url, audiences: ['umbrella'] }));
    const claims = { iss: hanging.url, aud: 'umbrella' };
    const slow = await Promise.all(
      Array.from({ length: 1100 }, (_, i) => issuer.sign({ ...claims, jti: String(i) })),
    );
    const ends = Promise.all(slow.map(isRefused));
    await hanging.asked();
    expect(await isRefused(await issuer.sign())).toBe('let in');
    hanging.letGo();
    const reasons = new Set(await ends);
    expect(reasons).toEqual(new Set([Reason.OVERLOADED, Reason.ISSUER_UNAVAILABLE]));
  });
});

describe('attributes of tokens', () => {
  it('put nobody among the callers of another tenant', async () => {
    gate.apply(believe({ attributeClaims: { groups: 'g' } }));
    const { attributes } = await gate.callerOf(await issuer.sign({ g: ['hr', 'tenant:umbrella'] }));
    expect(attributes.groups).toEqual(['hr']);
    const one = await gate.callerOf(await issuer.sign({ g: 'tenant:umbrella' }));
    expect(one.attributes.groups).toEqual([]);
  });

  it('that are large in memory are remembered of fewer tokens', async () => {
    gate.apply(believe({ attributeClaims: { groups: 'g' } }));
    // In a token two letters each, in memory some sixty bytes.
    const g = Array.from({ length: 4000 }, () => ({}));
    const tokens = await Promise.all(
      Array.from({ length: 300 }, (_, i) => issuer.sign({ g, jti: String(i) })),
    );
    for (const token of tokens) await gate.callerOf(token);
    const isRemembered = (token = '') => !(gate.tokens.callerOf(token, nobody) instanceof Promise);
    expect(isRemembered(tokens.at(-1))).toBe(true);
    expect(isRemembered(tokens.at(0))).toBe(false);
  });

  it('that are deep let nobody in', async () => {
    gate.apply(believe({ attributeClaims: { groups: 'g' } }));
    const deep = (levels: number) => {
      let value: unknown = 1;
      for (let i = 0; i < levels; i++) value = [value];
      return value;
    };
    expect(await isRefused(await issuer.sign({ g: deep(31) }))).toBe('let in');
    expect(await isRefused(await issuer.sign({ g: deep(3000) }))).toBe(Reason.CREDENTIAL_INVALID);
  });
});
