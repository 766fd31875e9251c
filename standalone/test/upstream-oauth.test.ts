import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { readStates, stateFileOf } from '@weir/mcp/client';
import { createWeir, type Weir } from '@weir/sdk';
import { InputKind } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { CallToolRequestSchema } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type AuthorizationServer,
  openAuthorizationServer,
  signInAs,
} from './authorization-server.ts';
import { openProtectedMcp, type ProtectedMcp } from './protected-mcp.ts';
import { askedOf, openUpstreamWorld, resultOf, type UpstreamWorld } from './upstream-world.ts';
import { openFolder, until } from './weir.ts';

// MCP servers behind OAuth: a real authorization server, a server that checks its tokens, users who
// sign in with a browser.

const clientSecret = 'canary-of-the-client-secret-0123456789';
const closing = new AsyncDisposableStack();
let issuer: AuthorizationServer;
let server: ProtectedMcp;
let world: UpstreamWorld;
let ada: Weir;
let bob: Weir;
const keys: string[] = [];

beforeAll(async () => {
  const registered = {
    ...{ client_id: 'weir-itself', client_secret: clientSecret, redirect_uris: [] },
    ...{ grant_types: ['client_credentials'], response_types: [], scope: 'read write' },
  };
  issuer = closing.use(
    await openAuthorizationServer({ clients: [registered], accessTokenTtlS: 3 }),
  );
  server = closing.use(await openProtectedMcp(issuer.url));
  const folder = closing.use(await openFolder());
  const secrets = join(folder.path, 'secrets');
  await writeFile(secrets, `weir-itself=${clientSecret}\n`, { mode: 0o600 });
  world = closing.use(await openUpstreamWorld({ WEIR_SECRETS_FILE: secrets }));
  const as = async (principal: string) => {
    const scopes = [Scope.READ, Scope.CALL];
    const { secret } = await world.client.admin.createKey({ principal, scopes });
    keys.push(secret);
    const client = createWeir({ url: world.weir.url, key: secret });
    closing.defer(() => client.close());
    return client;
  };
  ada = await as('ada');
  bob = await as('bob');
});

afterAll(() => closing.disposeAsync());

const stateOf = (id: string) => readStates(stateFileOf(world.file))?.[id];

async function call(client: Weir, tool: string, more: object = {}) {
  const request = create(CallToolRequestSchema, { tool, ...more });
  const messages = await Array.fromAsync(client.tools.callTool(request));
  return messages.at(-1)?.message;
}

async function signsIn(login: string, address: string): Promise<void> {
  const { text } = await signInAs(login, address);
  expect(text).toContain('You are signed in');
}

async function operatorSignsIn(id: string): Promise<void> {
  await until(() => stateOf(id)?.signIn !== undefined, 'the operator is asked');
  await signsIn('operator', stateOf(id)?.signIn ?? '');
}

const canAsk = [InputKind.URL];

test('each user signs in, and is known at the server by a token of their own', async () => {
  await world.write([{ name: 'crm', http: { url: server.url, oauth: {} } }]);
  await operatorSignsIn('crm');
  await world.tools('crm');

  for (const [client, login] of [
    [ada, 'ada-there'],
    [bob, 'bob-there'],
  ] as const) {
    const asked = askedOf(await call(client, 'crm__whoami', { canAsk }));
    expect(asked.kinds).toEqual([InputKind.URL]);
    expect(asked.params[0]).toMatchObject({ mode: 'url' });
    await signsIn(login, asked.params[0].url);
    const answered = asked.answered({ action: 'accept' });
    const done = await call(client, 'crm__whoami', { canAsk, ...answered });
    expect(resultOf(done).content[0].text).toMatch(`${login} by `);
  }
  // Both at once, and in turn: none has the other's token.
  for (let round = 0; round < 3; round++) {
    const [one, other] = await Promise.all([call(ada, 'crm__whoami'), call(bob, 'crm__whoami')]);
    expect(resultOf(one).content[0].text).toMatch('ada-there');
    expect(resultOf(other).content[0].text).toMatch('bob-there');
  }
  const ref = { type: 'Resource', key: 'me://name', provider: 'crm' };
  expect((await ada.fetch([ref]))[0]).toMatchObject({ item: { value: 'ada-there' } });
  expect((await bob.fetch([ref]))[0]).toMatchObject({ item: { value: 'bob-there' } });
});

test('what was signed in for lasts past the token, until the upstream is removed', async () => {
  await new Promise((resolve) => setTimeout(resolve, 3_500));
  // All at once: the token for others is good for one of them, and each may be used once.
  const calls = Array.from({ length: 8 }, () => call(ada, 'crm__whoami'));
  for (const done of await Promise.all(calls)) {
    expect(resultOf(done).content[0].text).toMatch('ada-there');
  }

  const files = [`${world.file.replace(/\.yaml$/, '')}.tokens`];
  for (const path of [...files, `${files[0]}.key`]) {
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  }
  const sealed = await readFile(files[0] ?? '', 'utf8');
  expect(Buffer.from(sealed, 'base64').toString('latin1')).not.toContain('ada');

  await world.write([]);
  await until(() => stateOf('crm') === undefined, 'it is gone');
  await world.write([{ name: 'crm', http: { url: server.url, oauth: {} } }]);
  await until(() => stateOf('crm')?.signIn !== undefined, 'the operator is asked again');
});

test('who cannot be asked is told where to sign in, and who declines is not asked again', async () => {
  await operatorSignsIn('crm');
  await world.tools('crm');
  const error = await call(bob, 'crm__whoami').catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: Code.FailedPrecondition });
  expect(String(error)).toMatch(/open http:\/\/127\.0\.0\.1:\d+\/sign-in\/\S+ and call again/);
  const asked = askedOf(await call(bob, 'crm__whoami', { canAsk }));
  const declined = asked.answered({ action: 'decline' });
  await expect(call(bob, 'crm__whoami', { canAsk, ...declined })).rejects.toMatchObject({
    code: Code.FailedPrecondition,
  });
});

test('a tool that wants more has the user asked for more', async () => {
  const first = askedOf(await call(bob, 'crm__write', { canAsk }));
  await signsIn('bob-there', first.params[0].url);
  const more = first.answered({ action: 'accept' });
  const second = askedOf(await call(bob, 'crm__write', { canAsk, ...more }));
  expect(second.params[0].url).not.toBe(first.params[0].url);
  await signsIn('bob-there', second.params[0].url);
  const answered = second.answered({ action: 'accept' });
  const done = await call(bob, 'crm__write', { canAsk, ...answered });
  expect(resultOf(done).content[0].text).toMatch('bob-there');
});

test('an address to sign in is for one browser, once', async () => {
  const { params } = askedOf(await call(ada, 'crm__whoami', { canAsk }));
  const post = (origin: string) =>
    fetch(params[0].url, { method: 'POST', redirect: 'manual', headers: { origin } });
  // The form of another site says nothing.
  expect((await post('https://evil.example')).status).toBe(403);
  const begun = await post(new URL(params[0].url).origin);
  const state = new URL(begun.headers.get('location') ?? '').searchParams.get('state');
  const back = `${params[0].url.split('/sign-in/')[0]}/sign-in?code=stolen&state=${state}`;
  // Without the cookie of the browser that began it, and then once more.
  expect(await (await fetch(back)).text()).toContain('another browser');
  expect(await (await fetch(back)).text()).toContain('is over');
  expect((await fetch(params[0].url)).status).toBe(404);
});

test('the connector itself has a token where no user does', async () => {
  const own = { grant: 'client_credentials', client: 'weir-itself', issuer: issuer.url };
  const oauth = { ...own, secret: 'secret://weir-itself' };
  await world.write([{ name: 'own', http: { url: server.url, oauth } }]);
  await world.tools('own');
  const done = await call(ada, 'own__whoami');
  expect(resultOf(done).content[0].text).toMatch('by weir-itself');
  const more = await call(ada, 'own__write');
  expect(resultOf(more).content[0].text).toMatch('by weir-itself');
});

test('credentials go to the authorization server that they are for, and to no other', async () => {
  const own = { grant: 'client_credentials', client: 'weir-itself' };
  const oauth = { ...own, issuer: 'https://elsewhere.example', secret: 'secret://weir-itself' };
  await world.write([{ name: 'strange', http: { url: server.url, oauth } }]);
  await until(() => stateOf('strange')?.status === 'waiting', 'it is refused');
  expect(stateOf('strange')?.error).toContain('only https://elsewhere.example is believed');
});

test('metadata that leads elsewhere leads nowhere', async () => {
  const before = server.metadata;
  for (const [metadata, reason] of [
    [{ ...before, authorization_servers: ['http://169.254.169.254'] }, 'WEIR_OUTBOUND_ALLOW'],
    [{ ...before, authorization_servers: ['https://10.0.0.1'] }, 'WEIR_OUTBOUND_ALLOW'],
    [{ ...before, resource: 'https://bank.example/mcp' }, 'bank.example'],
  ] as const) {
    server.metadata = metadata;
    await world.write([{ name: 'led', http: { url: server.url, oauth: {} } }]);
    await until(() => stateOf('led')?.status === 'waiting', 'it is refused');
    expect(stateOf('led')?.error).toContain(reason);
    await world.write([]);
    await until(() => stateOf('led') === undefined, 'it is gone');
  }
  server.metadata = before;
});

test('a token for somebody else is not taken', async () => {
  await using other = await openAuthorizationServer({ audience: 'https://bank.example' });
  await using careful = await openProtectedMcp(other.url);
  await world.write([{ name: 'careful', http: { url: careful.url, oauth: {} } }]);
  await operatorSignsIn('careful');
  await until(() => stateOf('careful')?.error?.includes('401') === true, 'it is refused');
});

test("nobody's key reaches a server, and no token reaches the log", async () => {
  const sent = [...server.authorizations].join('\n');
  for (const key of keys) expect(sent).not.toContain(key);
  const tokens = [...server.authorizations].flatMap((header) => header.split(' ')[1] ?? []);
  expect(tokens.length).toBeGreaterThan(4);
  const log = await readFile(join(world.dataDir, 'logs', 'weir.log'), 'utf8');
  const state = await readFile(stateFileOf(world.file), 'utf8');
  expect(log).toContain('the upstream is connected');
  for (const secret of [...tokens, clientSecret]) {
    expect(log).not.toContain(secret);
    expect(state).not.toContain(secret);
  }
});
