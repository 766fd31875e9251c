import { request as requestHttp1 } from 'node:http';
import { connect } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { create } from '@bufbuild/protobuf';
import { Action, Effect, PolicyManifestSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { defineOperation, defineProvider, serveProvider } from '@weir/sdk/provider';
import { afterAll, beforeAll, expect } from 'vitest';
import { rawClient } from '../mcp/mcp-client.ts';
import { openTestWeir, type TestWeir, until } from '../weir.ts';
import { attack, attacks } from './attack.ts';
import { type Issuer, openIssuer } from './issuer.ts';
import { openWorld, type World } from './world.ts';

// What is tried over the Model Context Protocol. The registry and router of `world` believe an issuer;
// those of `weir` have tools, one of which policy denies.

let world: World;
let issuer: Issuer;
let weir: TestWeir;
let aliceKey = '';
const closing = new AsyncDisposableStack();

beforeAll(async () => {
  world = closing.use(await openWorld());
  issuer = closing.use(await openIssuer());
  const { consistencyToken } = await world.admin.admin.putIssuer({
    issuer: { name: 'sso', url: issuer.url, audiences: ['weir'] },
  });
  await world.admin.fetch(['DocChunk/none'], { consistencyToken });
  weir = closing.use(await openTestWeir());
  const operation = (name: string) => defineOperation({ name, call: () => ({ name }) });
  const bank = defineProvider({
    name: 'bank',
    version: '1.0.0',
    operations: [operation('balance'), operation('transfer')],
  });
  closing.use(await serveProvider(bank, weir.weir));
  await denyTransfers();
  aliceKey = await keyOf('alice');
});

afterAll(() => closing.disposeAsync());

async function denyTransfers(): Promise<void> {
  const manifest = create(PolicyManifestSchema, {
    name: 'no-transfers',
    rules: [
      {
        name: 'nobody',
        effect: Effect.DENY,
        actions: [Action.CALL],
        resources: { types: ['transfer'] },
      },
    ],
  });
  await weir.client.policy.putPolicy({ policy: { source: { case: 'manifest', value: manifest } } });
}

/** A key that calls tools, once the router knows it and them. */
async function keyOf(principal: string): Promise<string> {
  const scopes = [Scope.READ, Scope.CALL];
  const { secret } = await weir.client.admin.createKey({ principal, scopes });
  const answers = async () => {
    const { result } = await mcp(secret).stateless('tools/call', { name: 'bank__balance' });
    return result !== undefined && result.isError !== true;
  };
  await until(answers, 'the tool is called');
  return secret;
}

const mcp = (key: string | undefined, path = '/mcp') => rawClient(`${weir.weir.url}${path}`, key);

const paths = ['/mcp', '/mcp/support', '/sse', '/messages?sessionId=x'];

attacks(
  'host-rebinding-mcp',
  {
    'by its host': { host: 'evil.example' },
    'by its host, with the port': { host: 'evil.example:7070' },
    'by a host that begins like ours': { host: '127.0.0.1.evil.example' },
    'by its origin': { origin: 'https://evil.example' },
    'by an origin that is none': { origin: 'null' },
    'by an origin that ends like ours': { origin: 'https://evil-localhost' },
  },
  async (headers) => {
    for (const path of [...paths, '/.well-known/oauth-protected-resource']) {
      for (const method of ['GET', 'POST', 'DELETE']) {
        expect(await statusOverHttp1(method, path, headers), `${method} ${path}`).toBe(403);
        expect(await statusOverHttp2(method, path, headers), `${method} ${path}`).toBe(403);
      }
    }
  },
);

const bearer = () => ({
  authorization: `Bearer ${weir.weir.key}`,
  'content-type': 'application/json',
});

function statusOverHttp1(
  method: string,
  path: string,
  headers: Record<string, string>,
): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const at = { port: new URL(weir.weir.url).port, path, method };
  requestHttp1({ ...at, headers: { ...bearer(), ...headers } }, (response) => {
    response.resume();
    resolve(response.statusCode);
  })
    .on('error', reject)
    .end();
  return promise;
}

async function statusOverHttp2(
  method: string,
  path: string,
  { host, ...headers }: Record<string, string>,
): Promise<number | undefined> {
  const session = connect(weir.weir.url);
  try {
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
    session.on('error', reject);
    const authority = host ?? new URL(weir.weir.url).host;
    const pseudo = { ':method': method, ':path': path, ':authority': authority };
    const stream = session.request({ ...pseudo, ...bearer(), ...headers });
    stream.on('response', (answer) => resolve(answer[':status']));
    stream.on('error', reject);
    stream.resume().end();
    return await promise;
  } finally {
    session.destroy();
  }
}

attacks(
  'token-audience',
  {
    'over MCP, for another audience': { aud: 'billing' },
    'over MCP, for the address alone': { aud: 'http://127.0.0.1/mcp' },
    'over MCP, past its time': { exp: 1 },
    'over MCP, of another issuer': { iss: 'https://login.example' },
  },
  async (claims) => {
    const good = rawClient(`${world.url}/mcp`, await issuer.sign());
    expect((await good.stateless('tools/list')).status).not.toBe(401);
    const token = await issuer.sign(claims);
    for (const path of ['/mcp', '/mcp/support']) {
      const { status, headers } = await rawClient(`${world.url}${path}`, token).stateless(
        'tools/list',
      );
      expect(status).toBe(401);
      expect(headers.get('www-authenticate')).toContain('error="invalid_token"');
    }
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${world.url}/sse`, { headers })).status).toBe(401);
    expect(world.canary.dialled).toBe(0);
  },
);

attacks(
  'fail-closed',
  {
    'over MCP, no token behind its scheme': 'Bearer',
    'over MCP, another scheme': 'Basic YWRtaW46YWRtaW4=',
    'over MCP, two tokens': 'Bearer a, Bearer b',
    'over MCP, no letters': 'Bearer \u00e9\u00e8',
    'over MCP, a token of 20 KB': `Bearer ${'a'.repeat(20_000)}`,
  },
  async (authorization) => {
    for (const path of paths) {
      const answer = await fetch(`${weir.weir.url}${path}`, {
        method: path === '/sse' ? 'GET' : 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        ...(path !== '/sse' && { body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' }),
      });
      expect([401, 431]).toContain(answer.status);
    }
  },
);

attacks(
  'method-spelling',
  {
    'over MCP, with a slash behind it': '/mcp/',
    'over MCP, with two before it': '//mcp',
    'over MCP, in capitals': '/MCP',
    'over MCP, in percent': '/%6Dcp',
    'over MCP, with a slash in percent': '/mcp%2Fsupport',
    'over MCP, by a way around': '/x/../mcp',
    'over MCP, with a query': '/mcp?x=1',
  },
  async (path) => {
    // Nobody tidies up the path on its way, and no credential goes with it.
    const status = await statusOverHttp1('POST', path, { authorization: '' });
    expect([400, 401, 404]).toContain(status);
  },
);

attack('decompression-bomb', 'over MCP', async () => {
  const body = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  const headers = { ...bearer(), 'content-encoding': 'gzip' };
  const { status } = await fetch(`${weir.weir.url}/mcp`, { method: 'POST', headers, body });
  expect(status).toBe(415);
});

attack('stolen-cursor', 'the session of somebody else, and one that is altered', async () => {
  const own = await mcp(aliceKey).session();
  expect((await own.request('tools/list')).result).toBeDefined();
  const eve = mcp(await keyOf('eve'));
  const asked = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
  const [payload = '', mac = ''] = own.id.split('.');
  const facts = JSON.parse(Buffer.from(payload, 'base64url').toString()) as unknown[];
  facts[3] = 'support';
  const forged = Buffer.from(JSON.stringify(facts)).toString('base64url');
  for (const id of [own.id, `${forged}.${mac}`, `${payload}.`, `${payload}.${mac}.${mac}`]) {
    const { status, error } = await eve.post(asked, { 'mcp-session-id': id });
    expect([status, error?.code]).toEqual([404, -32001]);
  }
});

attack('forbidden-or-missing', 'a tool that policy denies, and one that there is not', async () => {
  const told = async (name: string) => {
    const { stateless, session } = mcp(aliceKey);
    const { request } = await session();
    const answers = [
      await stateless('tools/call', { name }),
      await request('tools/call', { name }),
    ];
    return answers.map(({ status, message }) =>
      JSON.stringify([status, message])
        .replaceAll(name, 'NAME')
        .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID'),
    );
  };
  expect(await told('bank__transfer')).toEqual(await told('bank__transfers'));
  const { result } = await mcp(aliceKey).stateless('tools/list');
  const listed = JSON.stringify(result);
  expect(listed).toContain('"bank__balance"');
  expect(listed).not.toContain('"bank__transfer"');
});
