import { globSync, readFileSync } from 'node:fs';
import { request as requestHttp } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { text } from 'node:stream/consumers';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { createAssertions } from '@weir/kit';
import { WeirCallError } from '@weir/sdk';
import { AuditService } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { PolicyService } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { AdminService, type CreateKeyRequestSchema } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { LimitsSchema, PrincipalKind, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { WatchService } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { afterAll, beforeAll, expect } from 'vitest';
import { frame, sendBytes, type WireName, wires } from '../bad-input/wire.ts';
import { attack, attacks } from './attack.ts';
import { leaks, mintCanary } from './canary.ts';
import { openWorld, secretOf, type World } from './world.ts';

let world: World;

beforeAll(async () => {
  world = await openWorld();
});

afterAll(() => world[Symbol.asyncDispose]());

const protocols = Object.keys(wires) as WireName[];
const fetchPath = '/weir.router.v1.RouterService/FetchContext';
/** A batch of one ref, as each protocol says it. */
function batch(name: WireName): Buffer {
  if (name === 'Connect JSON') return Buffer.from('{"refs":[{"type":"X","key":"y"}]}');
  const message = Buffer.from('\x0a\x06\x0a\x01X\x1a\x01y', 'latin1');
  return wires[name].framed ? frame(message) : message;
}

/** What a caller is told, without what differs from call to call. */
function toldOf(error: unknown) {
  if (!(error instanceof WeirCallError)) throw error;
  return { code: error.code, reason: error.reason, text: error.text };
}

const refusal = async (called: Promise<unknown>) =>
  toldOf(
    await called.then(
      () => new Error('it was let in'),
      (error: unknown) => error,
    ),
  );

/** A key that is in force; its secret may show nowhere. */
async function newKey(wanted: MessageInitShape<typeof CreateKeyRequestSchema>): Promise<string> {
  const { secret, consistencyToken } = await world.admin.admin.createKey(wanted);
  world.secrets.add(secretOf(secret));
  await world.admin.fetch(['DocChunk/none'], { consistencyToken });
  return secret;
}

/** What a router says who does not know the service's secret. */
const foreignAssertion = () =>
  createAssertions(new Uint8Array(32).fill(1)).sign({ kind: 'service', name: 'router' });

/** Ways to alter a key. */
const alterations: Record<string, (key: string) => string> = {
  'with another last letter': (key) => key.slice(0, -1) + (key.endsWith('A') ? 'B' : 'A'),
  'cut by a letter': (key) => key.slice(0, -1),
  'with a letter more': (key) => `${key}A`,
  'in capitals': (key) => key.replace(/_.*/, (rest) => rest.toUpperCase()),
  'with an empty secret': (key) => key.slice(0, key.lastIndexOf('_') + 1),
  'with the secret twice': (key) => `${key}_${secretOf(key)}`,
  'with the beginning of its id': (key) => key.replace(/_(\w+?)._/, '_$1_'),
  'with an id that nobody has': (key) => key.replace(/_\w+_/, '_0000000000000000_'),
  'with the names of objects for its id': (key) => key.replace(/_\w+?_/, '_constructor_'),
};

attacks('key-lookup', alterations, async (alter) => {
  const altered = alter(world.adminKey);
  expect(altered).not.toBe(world.adminKey);
  const told = await refusal(world.as(altered).fetch(['DocChunk/a']));
  expect(told).toMatchObject({ code: Code.Unauthenticated, reason: Reason.CREDENTIAL_INVALID });
  // Whichever part is wrong, the answer is the same.
  const other = await refusal(world.as(`weir_0_${'0'.repeat(43)}`).fetch(['DocChunk/a']));
  expect(told).toEqual(other);
});

attack('key-lookup', 'the secret of one key with the id of another', async () => {
  const { key } = await world.newTenant('crossed');
  const crossed = key.replace(/_\w+?_/, `_${world.adminKey.split('_')[1]}_`);
  expect(secretOf(crossed)).toBe(secretOf(key));
  const told = await refusal(world.as(crossed).fetch(['DocChunk/a']));
  expect(told.reason).toBe(Reason.CREDENTIAL_INVALID);
});

attack('key-lookup', 'comparing in a time that tells of the secret', () => {
  // Time is not measured here: it is the code that compares so, and nothing else that compares.
  const root = new URL('../../../', import.meta.url);
  const comparing = readFileSync(new URL('kit/src/api-key.ts', root), 'utf8');
  expect(comparing).toMatch(/timingSafeEqual\(/);
  const looking = globSync('router/src/{,identity/}*.ts', { cwd: root.pathname })
    .filter((name) => !name.endsWith('.test.ts'))
    .map((name) => readFileSync(new URL(name, root), 'utf8'));
  expect(looking.some((source) => /secretMatches\(/.test(source))).toBe(true);
  expect(looking.filter((source) => /\.secret(Hash)? [!=]==? /.test(source))).toEqual([]);
});

const headers: Record<string, Record<string, string>> = {
  'no header': { authorization: '' },
  'another scheme': { authorization: 'Basic YWRtaW46YWRtaW4=' },
  'a scheme and nothing': { authorization: 'Bearer' },
  'two words': { authorization: 'Bearer weir_a_b weir_c_d' },
  'a list of credentials': { authorization: 'Bearer weir_a_b, Bearer weir_c_d' },
  'a token that is none': { authorization: 'Bearer a.b.c' },
  'a token without end': { authorization: `Bearer ${'e30.'.repeat(2_000)}` },
  'a name of an object': { authorization: 'Bearer __proto__' },
  'letters beyond ASCII': { authorization: 'Bearer weir_\u00e9_\u00ff' },
};

attacks('fail-closed', headers, async (given) => {
  for (const name of protocols) {
    const sent = { headers: given, body: batch(name), path: fetchPath };
    const { code } = await sendBytes({ url: world.url, key: '' }, name, sent);
    expect(`${name} ${code}`).toBe(`${name} Unauthenticated`);
  }
});

const services = [RouterService, RegistryService, AdminService, PolicyService, AuditService];

for (const service of services) {
  for (const { name, methodKind } of service.methods) {
    attack('fail-closed', `${service.typeName}/${name} without a credential`, async () => {
      const path = `/${service.typeName}/${name}`;
      const answer = await sendBytes({ url: world.url, key: '' }, 'gRPC', {
        path,
        headers: { authorization: '' },
        body: frame(Buffer.alloc(0)),
      });
      expect(answer.code).toBe('Unauthenticated');
      expect(methodKind).not.toBe('bidi_streaming');
    });
  }
}

attack('fail-closed', 'the internal service of the registry, from where callers are', async () => {
  const path = `/${WatchService.typeName}/WatchSnapshot`;
  const { status } = await world.send('gRPC', { path, body: frame(Buffer.alloc(0)) });
  expect(status).toBe(404);
});

attacks(
  'fail-closed',
  {
    'the internal listener with a key': () => world.adminKey,
    'the internal listener with an assertion of another secret': foreignAssertion,
  },
  async (mint) => {
    const key = await mint();
    const path = `/${WatchService.typeName}/WatchSnapshot`;
    const sent = { path, body: frame(Buffer.alloc(0)) };
    const { code } = await sendBytes({ url: world.registryUrl, key }, 'gRPC', sent);
    expect(code).toBe('Unauthenticated');
  },
);

attack('fail-closed', 'an assertion, from where callers are', async () => {
  expect((await refusal(world.as(await foreignAssertion()).fetch(['DocChunk/a']))).code).toBe(
    Code.Unauthenticated,
  );
});

const spellings: Record<string, string> = {
  'without a slash': fetchPath.slice(1),
  'with two slashes': `/${fetchPath}`,
  'with a slash at its end': `${fetchPath}/`,
  'with an escaped slash': fetchPath.replace('/Fetch', '%2FFetch'),
  'with an escaped letter': fetchPath.replace('Fetch', '%46etch'),
  'with a query': `${fetchPath}?x=1`,
  'with a fragment': `${fetchPath}#x`,
  'with a step up': fetchPath.replace('/Fetch', '/../weir.router.v1.RouterService/Fetch'),
  'with a dot': fetchPath.replace('/Fetch', '/./Fetch'),
  'with a parameter': `${fetchPath};x=1`,
  'in small letters': fetchPath.toLowerCase(),
  'with NUL': `${fetchPath}%00`,
};

attacks('method-spelling', spellings, async (path) => {
  const answers = [
    await raw(`POST ${path} HTTP/1.1`),
    await raw(`POST http://weir${path.startsWith('/') ? path : `/${path}`} HTTP/1.1`),
  ];
  // Whatever is answered, nobody is let in.
  for (const answer of answers) expect(answer).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
});

attacks('method-spelling', named('a method of administrators, ', spellings), async (path) => {
  const admin = path.replace(/weir\.router\.v1\.RouterService/g, AdminService.typeName);
  const secret = await newKey({ principal: 'reader', scopes: [Scope.READ] });
  const target = admin.replace('FetchContext', 'ListKeys').replace('fetchcontext', 'listkeys');
  const answer = await raw(`POST ${target} HTTP/1.1`, `authorization: Bearer ${secret}\r\n`);
  expect(answer).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
  expect(answer).not.toContain('keys');
});

/** The same forms under longer names. */
function named<T>(before: string, forms: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(forms).map(([says, form]) => [before + says, form]));
}

/** Sends a request line as it is, and reads until the connection ends. */
async function raw(line: string, more = ''): Promise<string> {
  const socket = connectTcp(Number(new URL(world.url).port), '127.0.0.1');
  socket.on('error', () => {});
  const head = `${line}\r\nhost: weir\r\nconnection: close\r\ncontent-type: application/json\r\n`;
  socket.write(`${head}${more}content-length: 2\r\n\r\n{}`);
  return await text(socket).catch(() => '');
}

const outside: Record<string, string> = {
  'x-weir-tenant': 'other',
  'x-tenant': 'other',
  'x-tenant-id': 'other',
  'weir-tenant': 'other',
  'weir-principal': 'root',
  'x-weir-principal': 'root',
  'weir-assertion': 'e30.e30.e30',
  'x-forwarded-user': 'root',
  'x-remote-user': 'root',
  'x-forwarded-for': '10.0.0.1',
  'x-real-ip': '10.0.0.1',
  forwarded: 'for=10.0.0.1;by=10.0.0.2',
  'x-forwarded-client-cert': 'By=spiffe://weir/router;URI=spiffe://weir/root',
  'x-ssl-client-verify': 'SUCCESS',
  'x-http-method-override': 'GET',
  'x-original-url': '/weir.registry.v1.AdminService/ListKeys',
};

attacks(
  'outside-headers',
  Object.fromEntries(Object.entries(outside).map(([k, v]) => [k, { [k]: v }])),
  async (given) => {
    const plain = await world.admin.admin.whoAmI({});
    const named = await world.admin.admin.whoAmI({}, { headers: given });
    expect(named).toEqual(plain);
    await world
      .as(undefined)
      .admin.whoAmI({}, { headers: given })
      .then(
        () => expect.unreachable('it was let in'),
        (error: unknown) => expect(toldOf(error).code).toBe(Code.Unauthenticated),
      );
  },
);

attack('outside-headers', 'two credentials in one request', async () => {
  const request = requestHttp(`${world.url}${fetchPath}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: ['Bearer weir_a_b', `Bearer ${world.adminKey}`] as unknown as string,
    },
  });
  request.end(batch('Connect JSON'));
  const status = await new Promise((resolve, reject) => {
    request.on('response', (response) => resolve(response.resume().statusCode));
    request.on('error', reject);
  });
  expect(status).toBe(401);
});

attacks(
  'credential-input',
  {
    'no credential': [undefined, Reason.CREDENTIAL_MISSING, Code.Unauthenticated],
    'a key that is none': ['weir', Reason.CREDENTIAL_INVALID, Code.Unauthenticated],
  } as const,
  async ([key, reason, code]) => {
    expect(await refusal(world.as(key).fetch(['DocChunk/a']))).toMatchObject({ reason, code });
  },
);

attacks(
  'credential-input',
  {
    'reading with a key that may register': [Scope.REGISTER, 'read'],
    'registering with a key that may read': [Scope.READ, 'register'],
    'administering with a key that may register': [Scope.REGISTER, 'administer'],
    'making tenants with the key of an administrator': [Scope.ADMIN, 'found'],
  } as const,
  async ([scope, what]) => {
    const client = world.as(await newKey({ principal: 'narrow', scopes: [scope] }));
    const calls = {
      read: () => client.fetch(['DocChunk/a']),
      register: () =>
        client.registry.registerProvider({ source: { case: 'document', value: 'name: x' } }),
      administer: () => client.admin.listKeys({}),
      found: () => client.admin.createTenant({ name: 'mine' }),
    };
    expect(await refusal(calls[what]())).toMatchObject({
      code: Code.PermissionDenied,
      reason: Reason.SCOPE_MISSING,
    });
  },
);

attack('credential-input', 'a key that was revoked, or is past its time', async () => {
  const soon = timestampFromMs(Date.now() + 700);
  const { admin } = world.admin;
  const brief = await admin.createKey({ principal: 'brief', expireTime: soon });
  const revoked = await admin.createKey({ principal: 'brief' });
  for (const { secret } of [brief, revoked]) world.secrets.add(secretOf(secret));
  const { consistencyToken } = await admin.revokeKey({ id: revoked.secret.split('_')[1] ?? '' });
  await world.admin.fetch(['DocChunk/none'], { consistencyToken });
  expect((await refusal(world.as(revoked.secret).fetch(['DocChunk/a']))).reason).toBe(
    Reason.CREDENTIAL_INVALID,
  );
  const client = world.as(brief.secret);
  const ended = async () => {
    for (;;) await client.fetch(['DocChunk/a']);
  };
  expect((await refusal(ended())).reason).toBe(Reason.CREDENTIAL_INVALID);
});

attack('credential-input', 'more than somebody may take', async () => {
  const { admin } = world.admin;
  const { principal } = await admin.createPrincipal({ name: 'greedy', kind: PrincipalKind.AGENT });
  if (!principal) throw new Error('it was created');
  const limits = create(LimitsSchema, { itemsPerSecond: 1n, itemsBurst: 2n });
  await admin.updatePrincipal({ principal: { ...principal, limits } });
  const secret = await newKey({ principal: 'greedy' });
  const answers = await Promise.all(Array.from({ length: 4 }, () => fetchJson(secret)));
  expect(answers.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(2);
  const refused = answers.find(({ status }) => status !== 200);
  expect(refused?.status).toBe(429);
  expect(refused?.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
  expect(await refused?.text()).toContain('"REASON_RATE_EXCEEDED"');
});

/** One ref, over Connect with JSON. */
function fetchJson(key: string): Promise<Response> {
  return fetch(`${world.url}${fetchPath}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: batch('Connect JSON').toString(),
  });
}

attack(
  'canary-secret',
  'a secret that is sent where none belongs, and whatever was sent here',
  async () => {
    const secret = mintCanary();
    world.secrets.add(secret);
    const attempts = [
      world.as(`weir_0000000000000000_${secret}`).fetch(['DocChunk/a']),
      world.as(secret).admin.whoAmI({}),
      world.as(`eyJhbGciOiJub25lIn0.${secret}.`).admin.whoAmI({}),
    ];
    for (const { status } of await Promise.allSettled(attempts)) expect(status).toBe('rejected');
    await raw(`POST ${fetchPath} HTTP/1.1`, `authorization: Basic ${secret}\r\n`);
    await raw(`POST ${fetchPath} HTTP/1.1`, `cookie: session=${secret}\r\n`);
    const evidence = await world.close();
    expect(evidence.map(({ where }) => where)).toContain('traces');
    expect(evidence.find(({ where }) => where === 'traces')?.text).toContain('WhoAmI');
    expect(leaks(evidence, world.secrets)).toEqual([]);
    expect(world.canary.dialled).toBe(0);
  },
);

attack('canary-secret', 'a secret that did get out is found', () => {
  const secret = mintCanary();
  const coded = Buffer.from(`user:${secret}`).toString('base64');
  const hex = Buffer.from(secret).toString('hex');
  const evidence = [secret, coded, hex].map((text, i) => ({ where: `${i}`, text: `a ${text} b` }));
  expect(leaks(evidence, [secret])).toEqual(['0: as it is', '1: base64', '2: hex']);
});
