import { request as httpRequest } from 'node:http';
import { PrincipalKind, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestWeir, type TestWeir, until } from '../weir.ts';
import { serveFixture } from './fixture.ts';
import { dataOf, envelope, rawClient } from './mcp-client.ts';

let opened: TestWeir;
const closing = new AsyncDisposableStack();

beforeAll(async () => {
  opened = closing.use(
    await openTestWeir({ WEIR_MCP_SESSIONS: '3', WEIR_MCP_SESSION_LIFETIME: '30m' }),
  );
  closing.use(await serveFixture(opened));
});

afterAll(() => closing.disposeAsync());

const url = (path = '/mcp') => `${opened.weir.url}${path}`;
const client = (key: string | undefined = opened.weir.key, path = '/mcp') =>
  rawClient(url(path), key);
const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };

async function keyWith(scopes: Scope[]): Promise<string> {
  const { secret } = await opened.client.admin.createKey({ principal: 'admin', scopes });
  await until(
    async () => (await client(secret).stateless('server/discover')).status === 200,
    'known',
  );
  return secret;
}

describe('bad input', () => {
  test('what is no JSON, no message, too large or of another type', async () => {
    const { post } = client();
    expect(await post('{"jsonrpc')).toMatchObject({ status: 400, error: { code: -32700 } });
    expect(await post('\u0000')).toMatchObject({ status: 400, error: { code: -32700 } });
    expect(await post({ hello: 1 })).toMatchObject({ status: 400, error: { code: -32600 } });
    expect(await post([])).toMatchObject({ status: 400, error: { code: -32600 } });
    expect(await post(ping, { 'content-type': 'text/plain' })).toMatchObject({ status: 415 });
    expect(await post(ping, { 'content-encoding': 'gzip' })).toMatchObject({ status: 415 });
    expect(await post(`"${'x'.repeat(4 * 1024 * 1024)}"`)).toMatchObject({ status: 413 });
  });

  test('what is nested deeply is refused, and Weir lives', async () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":${JSON.stringify(envelope({}))},"name":"fixture__test_simple_text","arguments":{"a":${deep}}}}`;
    const headers = {
      ...{ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call' },
      'mcp-name': 'fixture__test_simple_text',
    };
    expect((await client().post(body, headers)).error?.code).toBe(-32602);
    expect((await client().stateless('tools/list')).status).toBe(200);
  });

  test('methods, tools and resources that there are not', async () => {
    const { stateless, session } = client();
    expect(await stateless('no/such')).toMatchObject({ status: 404, error: { code: -32601 } });
    const { request } = await session();
    expect((await request('no/such')).error?.code).toBe(-32601);
    for (const name of ['fixture__nothing', 'nothing']) {
      expect((await stateless('tools/call', { name })).error?.code).toBe(-32602);
    }
    const uri = 'test://nothing';
    expect((await stateless('resources/read', { uri })).error).toMatchObject({
      code: -32602,
      data: { uri },
    });
    expect((await request('resources/read', { uri })).error?.code).toBe(-32002);
  });

  test('params that are at fault, each named', async () => {
    const { stateless } = client();
    const code = async (method: string, params: object) =>
      (await stateless(method, params as never)).error?.code;
    expect(await code('tools/list', { cursor: 'altered' })).toBe(-32602);
    expect(await code('resources/list', { cursor: 'altered' })).toBe(-32602);
    expect(await code('resources/read', { uri: 'weir://only' })).toBe(-32602);
    expect(await code('resources/read', { uri: 'weir://p/Doc/%2E%2E' })).toBe(-32602);
    expect(await code('resources/read', { uri: `test://${'x'.repeat(2000)}` })).toBe(-32602);
    const fetch = (args: object) => code('tools/call', { name: 'context_fetch', arguments: args });
    const refs = Array.from({ length: 257 }, () => ({
      type: 'Resource',
      key: 'test://static-text',
    }));
    expect(await fetch({ refs: [] })).toBe(-32602);
    expect(await fetch({ refs })).toBe(-32602);
    expect(await fetch({ refs: [{ type: 'Resource', key: '' }] })).toBe(-32602);
    expect(await fetch({ refs: [{ type: 'Resource', key: 'a\u0000b' }] })).toBe(-32602);
    expect(await fetch({ refs: [{ type: 'Resource', key: 'k' }], max_age_ms: -1 })).toBe(-32602);
    const list = (page_size: unknown) =>
      code('tools/call', { name: 'context_list', arguments: { page_size } });
    expect([await list(-1), await list(2 ** 31), await list('5')]).toEqual([
      -32602, -32602, -32602,
    ]);
    expect(await code('completion/complete', { ref: { type: 'ref/none' } })).toBe(-32602);
  });

  test('headers that say something else than the body', async () => {
    const { stateless } = client();
    const text = { name: 'fixture__test_simple_text' };
    for (const headers of [
      { 'mcp-method': 'tools/list' },
      { 'mcp-name': 'fixture__other' },
      { 'mcp-protocol-version': '2025-11-25' },
    ]) {
      expect(await stateless('tools/call', text, headers as never)).toMatchObject({
        ...{ status: 400, error: { code: -32020 } },
      });
    }
    const encoded = `=?base64?${Buffer.from(text.name).toString('base64')}?=`;
    expect(await stateless('tools/call', text, { 'mcp-name': encoded })).toMatchObject({
      status: 200,
    });
  });
});

describe('who may call', () => {
  test('a call without a credential, or with a wrong one, is told where to get one', async () => {
    const none = await rawClient(url(), undefined).stateless('tools/list');
    expect(none).toMatchObject({ status: 401 });
    expect(none.headers.get('www-authenticate')).toBe('Bearer realm="weir"');
    const wrong = await client('weir_wrong_wrong').stateless('tools/list');
    expect(wrong.status).toBe(401);
    expect(wrong.headers.get('www-authenticate')).toContain('error="invalid_token"');
    // No issuer is believed here, so there is none to name.
    expect((await fetch(url('/.well-known/oauth-protected-resource/mcp'))).status).toBe(404);
  });

  test('clients learn of the issuer that is believed, where there is one', async () => {
    await using other = await openTestWeir({
      ...{
        WEIR_MCP_AUTHORIZATION_SERVERS: 'https://login.example',
        WEIR_PUBLIC_URL: 'https://weir.example',
      },
    });
    const at = `${other.weir.url}/.well-known/oauth-protected-resource`;
    for (const path of ['', '/mcp']) {
      expect(await (await fetch(`${at}${path}`)).json()).toMatchObject({
        resource: 'https://weir.example/mcp',
        authorization_servers: ['https://login.example'],
      });
    }
    const refused = await rawClient(`${other.weir.url}/mcp`, undefined).stateless('tools/list');
    expect(refused.headers.get('www-authenticate')).toContain(
      'resource_metadata="https://weir.example/.well-known/oauth-protected-resource/mcp"',
    );
  });

  test('a key that lacks a scope sees less, and is told what it lacks', async () => {
    const reading = client(await keyWith([Scope.READ]));
    const { result } = await reading.stateless('tools/list');
    const names = (result?.tools as { name: string }[] | undefined)?.map(({ name }) => name);
    expect(names).toEqual(['context_fetch', 'context_list']);
    const refused = await reading.stateless('tools/call', { name: 'fixture__test_simple_text' });
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toContain('scope="weir:call"');
  });

  test('a group shows just what it has, by its key or its path', async () => {
    const group = {
      name: 'few',
      tools: ['fixture__test_simple_*'],
      unprefixed: true,
      without: { context: true },
    };
    const { secret } = await opened.client.groups.createGroup({ group });
    const namesOf = async (asking: ReturnType<typeof client>) => {
      const { result } = await asking.stateless('tools/list');
      return (result?.tools as { name: string }[] | undefined)?.map(({ name }) => name);
    };
    await until(async () => (await namesOf(client(secret))) !== undefined, 'the key is known');
    expect(await namesOf(client(secret))).toEqual(['test_simple_text']);
    expect(await namesOf(client(opened.weir.key, '/mcp/few'))).toEqual(['test_simple_text']);
    const through = client(opened.weir.key, '/mcp/few');
    expect(
      (await through.stateless('resources/read', { uri: 'test://static-text' })).error,
    ).toBeDefined();
    expect((await through.stateless('resources/list')).result).toMatchObject({ resources: [] });
    expect((await client(opened.weir.key, '/mcp/none').stateless('tools/list')).status).toBe(404);
  });

  test('pages of other names, and names that lead here from elsewhere, are kept out', async () => {
    const { port } = new URL(opened.weir.url);
    const statusOf = (headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve, reject) => {
        const asked = httpRequest(
          { port, path: '/mcp', method: 'POST', headers },
          ({ statusCode }) => resolve(statusCode),
        );
        asked.on('error', reject).end('{}');
      });
    const json = { 'content-type': 'application/json', authorization: `Bearer ${opened.weir.key}` };
    expect(await statusOf({ ...json, host: 'evil.example' })).toBe(403);
    expect(await statusOf({ ...json, origin: 'https://evil.example' })).toBe(403);
    expect(await statusOf({ ...json, origin: 'null' })).toBe(403);
    expect(await statusOf({ ...json, origin: `http://127.0.0.1:${port}` })).toBe(400);
  });
});

describe('sessions', () => {
  test('begin, go on, and end; nobody else can use them', async () => {
    const { session } = client();
    const own = await session();
    expect(own.id).toMatch(/^[\x21-\x7e]+$/);
    expect((await own.request('ping')).result).toEqual({});
    expect((await own.post({ jsonrpc: '2.0', method: 'notifications/initialized' })).status).toBe(
      202,
    );
    expect(await client().post(ping)).toMatchObject({ status: 400 });
    const altered = { 'mcp-session-id': `${own.id.slice(0, -2)}xx` };
    expect(await client().post(ping, altered)).toMatchObject({ status: 404 });
    await opened.client.admin.createPrincipal({ name: 'eve', kind: PrincipalKind.AGENT });
    const { secret } = await opened.client.admin.createKey({
      principal: 'eve',
      scopes: [Scope.READ],
    });
    const stolen = () => client(secret).post(ping, { 'mcp-session-id': own.id });
    await until(async () => (await stolen()).status !== 401, 'the key is known');
    expect(await stolen()).toMatchObject({ status: 404 });
    const headers = { authorization: `Bearer ${opened.weir.key}`, 'mcp-session-id': own.id };
    expect((await fetch(url(), { method: 'DELETE', headers })).status).toBe(204);
    expect(await own.post(ping)).toMatchObject({ status: 404, error: { code: -32001 } });
  });

  test('there may be more than are kept: one that rests is forgotten, and goes on all the same', async () => {
    const { session } = client();
    const all = [];
    for (let made = 0; made < 5; made++) all.push(await session());
    for (const { request } of all) expect((await request('ping')).result).toEqual({});
  });

  test('an older revision is spoken to whom asks for it, and an array answered where there is such', async () => {
    const old = await client().session({}, '2025-03-26');
    const answers = await old.post([
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 2, method: 'no/such' },
    ]);
    expect(answers.messages[0]).toMatchObject([
      { id: 1, result: {} },
      { id: 2, error: { code: -32601 } },
    ]);
  });

  test('a client that was cut off goes on where it was', async () => {
    const own = await client().session();
    const headers = {
      ...{ authorization: `Bearer ${opened.weir.key}`, 'mcp-session-id': own.id },
      ...{ 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    };
    const params = { name: 'fixture__test_tool_with_progress', _meta: { progressToken: 'p' } };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 5, method: 'tools/call', params });
    const cut = new AbortController();
    const begun = await fetch(url(), { method: 'POST', headers, body, signal: cut.signal });
    const reader = begun.body?.getReader();
    const first = new TextDecoder().decode((await reader?.read())?.value);
    cut.abort();
    const last = [...first.matchAll(/^id: (\S+)/gm)].at(-1)?.[1] ?? '';
    const rest = await fetch(url(), { headers: { ...headers, 'last-event-id': last } });
    const messages = dataOf(await rest.text());
    expect(messages.at(-1)).toMatchObject({ id: 5, result: { content: [{ type: 'text' }] } });
    const told = [...dataOf(first), ...messages].filter(
      ({ method }) => method === 'notifications/progress',
    );
    expect(told.length).toBe(3);
  });

  test('a call that is cancelled ends, whatever it waits for', async () => {
    const own = await client().session({ elicitation: {} });
    const called = await fetch(url(), {
      method: 'POST',
      headers: {
        ...{ authorization: `Bearer ${opened.weir.key}`, 'mcp-session-id': own.id },
        ...{ 'content-type': 'application/json', accept: 'text/event-stream' },
      },
      body: JSON.stringify({
        ...{ jsonrpc: '2.0', id: 9, method: 'tools/call' },
        params: { name: 'fixture__test_elicitation', arguments: { message: 'Who?' } },
      }),
    });
    let text = '';
    for await (const chunk of called.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const isFirst = !text.includes('elicitation/create');
      text += chunk;
      if (!isFirst || !text.includes('elicitation/create')) continue;
      const params = { requestId: 9, reason: 'not wanted' };
      const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params };
      expect((await own.post(cancelled)).status).toBe(202);
    }
    expect(dataOf(text).at(-1)).toMatchObject({ id: 9, result: { isError: true } });
  });
});

test('everything that is called is on record, by its RPC', async () => {
  await client().stateless('tools/call', { name: 'fixture__test_simple_text' });
  await until(async () => {
    const { records } = await opened.client.audit.searchRecords({ pageSize: 100 });
    return records.some(({ record }) => record?.method === 'weir.tools.v1.ToolService/CallTool');
  }, 'the call is on record');
});
