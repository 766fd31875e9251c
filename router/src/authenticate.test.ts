import { createHash, createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import {
  type Caller,
  callerOf,
  createLogger,
  createMetrics,
  mintApiKey,
  openServerTls,
  readTrustedProxies,
  reasonOf,
  serve,
  systemClock,
  tlsServerSettings,
} from '@weir/kit';
import { openTestAuthority, type TestAuthority } from '@weir/kit/testing/certificates';
import { createWeir } from '@weir/sdk';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { SnapshotEntry } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEntries } from '../test/entries.ts';
import { authenticate, requireStillValid } from './authenticate.ts';
import { createNonces, openRedisNonces } from './identity/nonces.ts';
import { createSnapshotHolder } from './snapshot/holder.ts';
import { applyEntries, emptySnapshot } from './snapshot/snapshot.ts';

const log = createLogger({ name: 'test', level: 'silent' });
const entries = createEntries();
const clock = systemClock;

let authority: TestAuthority;
beforeAll(async () => {
  authority = await openTestAuthority();
});
afterAll(() => authority[Symbol.asyncDispose]());

interface GateOptions {
  readonly tls?: boolean;
  readonly trusted?: string;
  readonly nonces?: ReturnType<typeof createNonces>;
}

/** A server that says who calls, behind the router's gate. */
async function openGate(given: readonly SnapshotEntry[], options: GateOptions = {}) {
  const holder = createSnapshotHolder(clock);
  holder.replace(applyEntries(emptySnapshot, given, { epoch: 'e', revision: 1n }), 0);
  const { certFile, keyFile } = await authority.issue();
  const files = { tlsCertFile: certFile, tlsKeyFile: keyFile, tlsClientCaFile: authority.caFile };
  const tls = options.tls
    ? await openServerTls(
        tlsServerSettings('WEIR_TLS', 'callers'),
        { ...files, tlsClientCert: 'request' },
        { clock, log },
      )
    : undefined;
  const callers: Caller[] = [];
  const metrics = createMetrics('test');
  const nonces = options.nonces ?? createNonces(clock);
  const server = await serve({
    host: '127.0.0.1',
    port: 0,
    services: [AdminService, RouterService],
    routes: (router) =>
      router
        .service(AdminService, {
          whoAmI(_, context) {
            callers.push(callerOf(context));
            return { principal: callerOf(context).principal };
          },
          createPrincipal: () => ({}),
        })
        .service(RouterService, {
          async *streamContext({ fetch }) {
            for (const index of fetch?.refs.keys() ?? []) yield { result: { index } };
          },
        }),
    gate: authenticate({ holder, clock, snapshotMaxAgeMs: 60_000, nonces }),
    trustedProxies: readTrustedProxies('WEIR_TRUSTED_PROXIES', options.trusted),
    ...{ log, metrics, tls },
  });
  return {
    ...{ server, holder, callers },
    apply(...changes: SnapshotEntry[]) {
      const { epoch, revision } = holder.current;
      holder.replace(applyEntries(holder.current, changes, { epoch, revision: revision + 1n }), 0);
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      tls?.[Symbol.dispose]();
      await metrics.shutdown();
    },
  };
}

/** A key and its entry. */
function newKey(more: { requiresSignature?: boolean; permits?: string[]; expireMs?: number } = {}) {
  const { text, id, secretHash } = mintApiKey();
  const { expireMs, ...rest } = more;
  const entry = entries.key(id, 'lin');
  if (entry.body.case === 'key') {
    const { key } = entry.body.value;
    if (key) Object.assign(key, { scopes: [Scope.READ], ...rest });
    if (key && expireMs !== undefined) key.expireTime = timestampFromMs(expireMs);
    entry.body.value.secretHash = secretHash;
  }
  return { text, id, entry, secret: text.split('_').slice(2).join('_') };
}

const lin = entries.principal('lin', { roles: ['reader'] });
const admin = (url: string, nodeOptions = {}) =>
  createClient(AdminService, createGrpcTransport({ baseUrl: url, nodeOptions }));

const reasonIn = (call: Promise<unknown>) =>
  call.then(
    () => 'let in',
    (error: unknown) => reasonOf(error),
  );

describe('an API key', () => {
  it('lets in with its permits, from the address of the connection', async () => {
    const key = newKey({ permits: ['fetch:DocChunk'] });
    await using gate = await openGate([lin, key.entry]);
    const headers = { authorization: `Bearer ${key.text}`, 'x-forwarded-for': '203.0.113.9' };
    await admin(gate.server.url).whoAmI({}, { headers });
    expect(gate.callers[0]).toMatchObject({
      authentication: 'key',
      permits: ['fetch:DocChunk'],
      // Nobody here is believed when they say whom they forward.
      network: '127.0.0.1',
      attributes: { roles: ['reader'] },
    });
  });

  it('that has expired does not', async () => {
    const key = newKey({ expireMs: Date.now() - 1 });
    await using gate = await openGate([lin, key.entry]);
    const headers = { authorization: `Bearer ${key.text}` };
    expect(await reasonIn(admin(gate.server.url).whoAmI({}, { headers }))).toBe(
      Reason.CREDENTIAL_INVALID,
    );
  });

  it('behind a trusted proxy calls from the last address that is not one', async () => {
    const key = newKey();
    await using gate = await openGate([lin, key.entry], { trusted: '127.0.0.0/8, 10.0.0.0/8' });
    const from = async (forwarded: string) => {
      const headers = { authorization: `Bearer ${key.text}`, 'x-forwarded-for': forwarded };
      await admin(gate.server.url).whoAmI({}, { headers });
      return gate.callers.at(-1)?.network;
    };
    expect(await from('203.0.113.9')).toBe('203.0.113.9');
    expect(await from('1.2.3.4, 203.0.113.9, 10.1.1.1')).toBe('203.0.113.9');
    expect(await from('::ffff:203.0.113.9')).toBe('203.0.113.9');
    expect(await from('[2001:DB8::0:1]:443')).toBe('2001:db8::1');
    expect(await from('10.1.1.1')).toBe('10.1.1.1');
    expect(await from('203.0.113.9, nonsense, 10.1.1.1')).toBe('10.1.1.1');
  });
});

describe('a header that is no credential is refused, also with a good certificate', () => {
  it.each([
    'Bearer',
    'Bearer weir_x',
    'Bearer a.b.c',
    'Basic YTpi',
    'Bearer weir_1 weir_2',
    'weir-hmac-sha256 key=x',
    'nonsense',
  ])('%j', async (authorization) => {
    const spiffe = entries.certificate({
      name: 'agent',
      match: { case: 'spiffeId', value: 'spiffe://example.org/agent' },
      principal: 'lin',
    });
    await using gate = await openGate([lin, spiffe], { tls: true });
    const { cert, key } = await authority.issue({
      use: 'clientAuth',
      names: 'URI:spiffe://example.org/agent',
    });
    const client = admin(gate.server.url, { ca: authority.ca, cert, key });
    const code = await client.whoAmI({}, { headers: { authorization } }).catch((e) => e.code);
    expect(code).toBe(Code.Unauthenticated);
    expect(await reasonIn(client.whoAmI({}))).toBe('let in');
    expect(gate.callers).toHaveLength(1);
  });
});

describe('a client certificate', () => {
  const identity = (name: string, match: { case: 'spiffeId' | 'subject'; value: string }) =>
    entries.certificate({ name, match, principal: 'lin', permits: ['list:*'] });
  const spiffe = identity('by-id', { case: 'spiffeId', value: 'spiffe://example.org/agent/a' });
  const subject = identity('by-subject', { case: 'subject', value: 'CN=agent-b,O=Example' });

  it.each([
    ['URI:spiffe://example.org/agent/a', '/CN=agent-b/O=other', 'by-id'],
    ['DNS:b.example', '/O=Example/CN=agent-b', 'by-subject'],
    // Known by its SPIFFE ID alone, and nobody is.
    ['URI:spiffe://example.org/agent/z', '/O=Example/CN=agent-b', undefined],
    // Two URIs: no SPIFFE certificate.
    ['URI:spiffe://example.org/agent/a,URI:https://x', '/CN=a', undefined],
    ['URI:spiffe://example.org/agent/z\\, URI:spiffe://example.org/agent/a', '/CN=a', undefined],
    ['DNS:spiffe://example.org/agent/a', '/CN=a', undefined],
    // A scheme is the same in capitals: it is not known by its subject then.
    ['URI:SPIFFE://example.org/agent/z', '/O=Example/CN=agent-b', undefined],
    ['URI:Spiffe:x', '/O=Example/CN=agent-b', undefined],
    // Without a subject, as X.509-SVIDs may be.
    ['URI:spiffe://example.org/agent/a', '', 'by-id'],
    ['DNS:b.example', '', undefined],
    ['DNS:b.example', '/O=Example/CN=agent-b,O=Example', undefined],
  ])('with %s and %s is that of %s', async (names, of, expected) => {
    await using gate = await openGate([lin, spiffe, subject], { tls: true });
    const { cert, key } = await authority.issue({ use: 'clientAuth', names, subject: of });
    const client = admin(gate.server.url, { ca: authority.ca, cert, key });
    const reason = await reasonIn(client.whoAmI({}));
    expect(reason).toBe(expected ? 'let in' : Reason.CREDENTIAL_INVALID);
    if (!expected) return;
    expect(gate.callers[0]).toMatchObject({
      authentication: 'certificate',
      keyId: expected,
      permits: ['list:*'],
      scopes: new Set([Scope.READ]),
    });
  });

  it('lets in no more when it is believed no more, in calls that last too', async () => {
    await using gate = await openGate([lin, spiffe], { tls: true });
    const { cert, key } = await authority.issue({
      use: 'clientAuth',
      names: 'URI:spiffe://example.org/agent/a',
    });
    const client = admin(gate.server.url, { ca: authority.ca, cert, key });
    await client.whoAmI({});
    const [caller] = gate.callers;
    if (!caller) throw new Error('nobody called');
    const still = () => requireStillValid({ holder: gate.holder, clock }, caller);
    still();
    gate.apply(entries.removed('certificate/acme/by-id'));
    expect(still).toThrow('belongs to no principal');
    expect(await reasonIn(client.whoAmI({}))).toBe(Reason.CREDENTIAL_INVALID);
  });

  it('is shown by the SDK, in place of a key', async () => {
    await using gate = await openGate([lin, spiffe], { tls: true });
    const { cert, key } = await authority.issue({
      use: 'clientAuth',
      names: 'URI:spiffe://example.org/agent/a',
    });
    const weir = createWeir({ url: gate.server.url, tls: { ca: authority.ca, cert, key } });
    expect((await weir.admin.whoAmI({})).principal).toBe('lin');
    weir.close();
    expect(() => createWeir({ url: gate.server.url })).toThrow(TypeError);
  });

  it('none, and no header, is no credential', async () => {
    await using gate = await openGate([lin, spiffe], { tls: true });
    const client = admin(gate.server.url, { ca: authority.ca });
    expect(await reasonIn(client.whoAmI({}))).toBe(Reason.CREDENTIAL_MISSING);
  });
});

/** Signs a call as docs/identity.md says. */
function sign(
  { id, secret }: { id: string; secret: string },
  { body = Buffer.alloc(0), path = '/weir.registry.v1.AdminService/WhoAmI', timeMs = Date.now() },
): string {
  const time = Math.floor(timeMs / 1000);
  const nonce = randomBytes(16).toString('base64url');
  const digest = createHash('sha256').update(body).digest('base64url');
  const lines = ['weir-hmac-sha256', id, time, nonce, 'POST', path, digest].join('\n');
  const key = createHash('sha256').update(secret).digest();
  const signature = createHmac('sha256', key).update(lines).digest('base64url');
  return `Weir-HMAC-SHA256 key=${id},time=${time},nonce=${nonce},body=${digest},signature=${signature}`;
}

/** The body of a gRPC call with an empty message. */
const empty = Buffer.alloc(5);

describe('a signed call', () => {
  it('is let in once, with the body that was signed', async () => {
    const key = newKey({ requiresSignature: true });
    await using gate = await openGate([lin, key.entry]);
    const client = admin(gate.server.url);
    const authorization = sign(key, { body: empty });
    expect(await reasonIn(client.whoAmI({}, { headers: { authorization } }))).toBe('let in');
    const again = client.whoAmI({}, { headers: { authorization } });
    expect(await reasonIn(again)).toBe(Reason.SIGNATURE_INVALID);
    expect(gate.callers).toHaveLength(1);
  });

  it('with another body, path or time never reaches its handler', async () => {
    const key = newKey({ requiresSignature: true });
    await using gate = await openGate([lin, key.entry]);
    const client = admin(gate.server.url);
    const reason = (authorization: string) =>
      reasonIn(client.whoAmI({}, { headers: { authorization } }));
    expect(await reason(sign(key, {}))).toBe(Reason.SIGNATURE_INVALID);
    const path = '/weir.registry.v1.AdminService/CreatePrincipal';
    expect(await reason(sign(key, { body: empty, path }))).toBe(Reason.CREDENTIAL_INVALID);
    for (const timeMs of [Date.now() - 310_000, Date.now() + 310_000]) {
      expect(await reason(sign(key, { body: empty, timeMs }))).toBe(Reason.SIGNATURE_INVALID);
    }
    expect(await reason(sign({ ...key, secret: 'x' }, { body: empty }))).toBe(
      Reason.CREDENTIAL_INVALID,
    );
    expect(gate.callers).toHaveLength(0);
  });

  it('is checked over Connect too, and never in a query', async () => {
    const key = newKey({ requiresSignature: true });
    await using gate = await openGate([lin, key.entry]);
    const baseUrl = gate.server.url;
    const connect = (useHttpGet: boolean) =>
      createClient(
        AdminService,
        createConnectTransport({ baseUrl, httpVersion: '1.1', useHttpGet }),
      );
    const headers = () => ({ authorization: sign(key, {}) });
    expect(await reasonIn(connect(false).whoAmI({}, { headers: headers() }))).toBe('let in');
    const query = connect(true).whoAmI({}, { headers: headers() });
    expect(await reasonIn(query)).not.toBe('let in');
    const other = connect(false).createPrincipal(
      { name: 'eve' },
      {
        headers: {
          authorization: sign(key, { path: '/weir.registry.v1.AdminService/CreatePrincipal' }),
        },
      },
    );
    expect(await reasonIn(other)).toBe(Reason.SIGNATURE_INVALID);
  });

  it('is asked for by its key, and not taken from a key that does not ask for it', async () => {
    const signing = newKey({ requiresSignature: true });
    const plain = newKey();
    await using gate = await openGate([lin, signing.entry, plain.entry]);
    const client = admin(gate.server.url);
    const bearer = { authorization: `Bearer ${signing.text}` };
    expect(await reasonIn(client.whoAmI({}, { headers: bearer }))).toBe(Reason.SIGNATURE_INVALID);
    // What routers keep of a key would be enough to sign with it.
    const authorization = sign(plain, { body: empty });
    expect(await reasonIn(client.whoAmI({}, { headers: { authorization } }))).toBe(
      Reason.CREDENTIAL_INVALID,
    );
  });

  it.each(['grpc', 'grpc-web', 'connect'] as const)(
    'is made by the SDK, over %s',
    async (protocol) => {
      const key = newKey({ requiresSignature: true });
      await using gate = await openGate([lin, key.entry]);
      const weir = createWeir({
        url: gate.server.url,
        key: key.text,
        sign: true,
        protocol,
        retries: 0,
      });
      for (let i = 0; i < 3; i++) await weir.admin.whoAmI({});
      // Calls with messages of some size, and streams.
      const title = 'é'.repeat(1000);
      await weir.admin.createPrincipal({ name: 'bot', title });
      await Array.fromAsync(weir.stream(['DocChunk/a']));
      expect(gate.callers.map(({ principal }) => principal)).toEqual(['lin', 'lin', 'lin']);
      weir.close();
    },
  );

  it('a body that is longer than what was signed is refused, whatever it begins with', async () => {
    const key = newKey({ requiresSignature: true });
    await using gate = await openGate([lin, key.entry]);
    const session = connectHttp2(gate.server.url);
    const path = '/weir.registry.v1.AdminService/WhoAmI';
    const stream = session.request({
      ...{ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' },
      authorization: sign(key, { body: empty }),
    });
    const status = new Promise((resolve) => {
      stream.once(
        'response',
        (headers) => headers['grpc-status'] && resolve(headers['grpc-status']),
      );
      stream.once('trailers', (headers) => resolve(headers['grpc-status']));
    });
    stream.resume();
    stream.write(empty);
    stream.end(Buffer.from([0]));
    expect(await status).not.toBe('0');
    expect(gate.callers).toHaveLength(0);
    session.destroy();
  });
});

describe('the memory of nonces', () => {
  const use = { keyId: 'k', nonce: 'n' };

  it('is bounded, for all and for one key, and full means refused', () => {
    let nowMs = 1_000_000;
    const nonces = createNonces(
      { wallMs: () => nowMs, monotonicMs: () => nowMs },
      { all: 3, ofKey: 2 },
    );
    void nonces.use({ ...use, timeMs: nowMs });
    void nonces.use({ ...use, timeMs: nowMs, nonce: 'm' });
    expect(() => nonces.use({ ...use, timeMs: nowMs, nonce: 'o' })).toThrow('too many');
    void nonces.use({ ...use, timeMs: nowMs, keyId: 'other' });
    expect(() => nonces.use({ ...use, timeMs: nowMs, keyId: 'third' })).toThrow('too many');
    nowMs += 302_000;
    void nonces.use({ ...use, timeMs: nowMs, nonce: 'o' });
  });

  it('goes back no further than its beginning, and what it has forgotten stays used', () => {
    let nowMs = 1_000_000;
    const movable = { wallMs: () => nowMs, monotonicMs: () => nowMs };
    const nonces = createNonces(movable);
    void nonces.use({ ...use, timeMs: nowMs });
    // Before a restart it may have been used.
    expect(() => nonces.use({ ...use, timeMs: nowMs - 1_000, nonce: 'm' })).toThrow('made before');
    nowMs += 302_000;
    void nonces.use({ ...use, timeMs: nowMs, nonce: 'o' });
    // The clock is set back: what is sent again is of a good age once more.
    nowMs -= 302_000;
    expect(() => nonces.use({ ...use, timeMs: nowMs })).toThrow('made before');
    void nonces.use({ ...use, timeMs: nowMs + 1_000 });
  });

  it('is shared by routers over Redis; while that is away, nobody is let in', async () => {
    const url = process.env.WEIR_TEST_REDIS_URL ?? 'redis://127.0.0.1:6379';
    using one = openRedisNonces({ url, clock, log });
    using two = openRedisNonces({ url, clock, log });
    using away = openRedisNonces({ url: 'redis://127.0.0.1:1', clock, log });
    const signed = { ...use, nonce: randomBytes(16).toString('base64url'), timeMs: Date.now() };
    await expect
      .poll(() =>
        reasonIn(
          Promise.resolve().then(() =>
            one.use({ ...signed, nonce: randomBytes(16).toString('base64url') }),
          ),
        ),
      )
      .toBe('let in');
    await one.use(signed);
    await expect
      .poll(() => reasonIn(Promise.resolve().then(() => two.use(signed))))
      .toBe(Reason.SIGNATURE_INVALID);
    await expect(Promise.resolve(away.use(signed))).rejects.toMatchObject({
      reason: Reason.OVERLOADED,
    });
  });
});

it('two credentials in one call are none, whichever comes first', async () => {
  const key = newKey();
  await using gate = await openGate([lin, key.entry]);
  const { hostname, port } = new URL(gate.server.url);
  const statusOf = async (...credentials: string[]) => {
    const socket = connectTcp(Number(port), hostname);
    const headers = credentials.map((credential) => `Authorization: ${credential}\r\n`).join('');
    socket.write(
      `POST /weir.registry.v1.AdminService/WhoAmI HTTP/1.1\r\nhost: weir\r\n${headers}content-type: application/json\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}`,
    );
    const [head] = await once(socket, 'data');
    socket.destroy();
    return String(head).slice(9, 12);
  };
  const good = `Bearer ${key.text}`;
  expect(await statusOf(good)).toBe('200');
  expect(await statusOf(good, 'Bearer other')).toBe('401');
  expect(await statusOf('Bearer other', good)).toBe('401');
  expect(await statusOf(good, good)).toBe('401');
});

it('a refusal names no key and no token', async () => {
  const key = newKey();
  await using gate = await openGate([lin]);
  const headers = { authorization: `Bearer ${key.text}` };
  const error = await admin(gate.server.url)
    .whoAmI({}, { headers })
    .catch((e) => e);
  expect(JSON.stringify(ConnectError.from(error))).not.toContain(key.secret);
});
