import { mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { reasonOf } from '@weir/kit';
import { BadRequestSchema } from '@weir/sdk/gen/google/rpc/error_details_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  EndpointHealth,
  EndpointKind,
  PrincipalKind,
  Scope,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { type SnapshotEntry, WatchService } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestRegistry, signed, type TestRegistry } from './test-registry.ts';

const document = (value: string) => ({ source: { case: 'document' as const, value } });

const docs = (version: string, more = '') =>
  document(`
kind: Provider
name: docs
version: ${version}
title: The manual
tags: [manual, help]
contexts:
  - { type: DocChunk, version: 1.0.0, ttl: 60s, scope: tenant, sensitivity: internal }
${more}`);

const invoice = (version: string, schema: object, more: object = {}) =>
  document(JSON.stringify({ kind: 'ContextType', name: 'Invoice', version, schema, ...more }));

/** The refusal of a call: reason, code and the fields at fault. */
async function refusalOf(call: Promise<unknown>) {
  const error = await call.then(
    () => expect.unreachable('the call was not refused'),
    (thrown: unknown) => ConnectError.from(thrown),
  );
  const fields = error
    .findDetails(BadRequestSchema)
    .flatMap((detail) => detail.fieldViolations.map((one) => one.field));
  return { reason: reasonOf(error), code: error.code, text: error.rawMessage, fields };
}

const health = (entries: ReadonlyMap<string, SnapshotEntry>, id: string) => {
  const body = entries.get(id)?.body;
  return body?.case === 'endpoint' ? body.value.endpoint?.health : undefined;
};

describe('a registry', () => {
  let weir: TestRegistry;
  beforeAll(async () => {
    weir = await openTestRegistry();
  });
  afterAll(async () => {
    await weir?.[Symbol.asyncDispose]();
  });

  test('founds itself: a tenant, an administrator and a key that only the owner may read', async () => {
    const file = join(weir.dataDir, 'admin.key');
    expect(weir.opened.adminKey).toMatch(/^weir_[a-z0-9]{16}_[\w-]{43}$/);
    expect((await readFile(file, 'utf8')).trim()).toBe(weir.opened.adminKey);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const { types } = await weir.as().registry.listTypes({});
    expect(types.map((one) => one.manifest?.name)).toEqual(
      expect.arrayContaining(['BPMN', 'DocChunk', 'LogEntry', 'Metric', 'PageDSL', 'Principal']),
    );
    expect(types.every((one) => one.tenant === '' && !one.manifest?.schema)).toBe(true);
    const { type } = await weir.as().registry.getType({ name: 'DocChunk', version: '^1' });
    expect(type?.manifest?.schema).toMatchObject({ type: 'object' });
  });

  test('lets in routers only', async () => {
    const transport = createGrpcTransport({ baseUrl: weir.opened.url });
    const call = async (interceptors = transport) => {
      for await (const _ of createClient(WatchService, interceptors).watchSnapshot({})) break;
    };
    expect(await refusalOf(call())).toMatchObject({ code: Code.Unauthenticated });
    const caller = {
      tenant: 'default',
      principal: 'ann',
      consumer: '',
      keyId: 'k',
      authentication: 'key' as const,
      permits: [],
      network: '127.0.0.1',
      scopes: new Set([Scope.PLATFORM]),
      attributes: {},
    };
    const forwarded = createGrpcTransport({
      baseUrl: weir.opened.url,
      interceptors: [signed({ kind: 'caller', caller })],
    });
    expect(await refusalOf(call(forwarded))).toMatchObject({ reason: Reason.SCOPE_MISSING });
  });

  test('registers a provider, the same one again, and no other under its name', async () => {
    const { registry } = weir.as();
    const first = await registry.registerProvider(docs('1.0.0'));
    const again = await registry.registerProvider(
      document(
        JSON.stringify({
          contexts: [
            {
              sensitivity: 'SENSITIVITY_INTERNAL',
              scope: 'CACHE_SCOPE_TENANT',
              ttl: '1m',
              version: '1.0.0',
              type: 'DocChunk',
            },
          ],
          tags: ['manual', 'help'],
          title: 'The manual',
          version: '1.0.0',
          name: 'docs',
          kind: 'Provider',
        }),
      ),
    );
    expect(again.provider).toEqual(first.provider);
    expect(again.consistencyToken).toBe(first.consistencyToken);
    expect(await refusalOf(registry.registerProvider(docs('1.0.0', 'weight: 5')))).toMatchObject({
      reason: Reason.ALREADY_EXISTS,
      code: Code.AlreadyExists,
      text: expect.stringContaining('UpdateProvider'),
    });
  });

  test('names every fault of a manifest, with its place', async () => {
    const faulty = document(`kind: Provider
name: Docs
version: 1.0
nme: x
contexts:
  - type: DocChunk
    version: 9.0.0
    ttl: 60
`);
    const refusal = await refusalOf(weir.as().registry.registerProvider(faulty));
    expect(refusal).toMatchObject({
      reason: Reason.INVALID_MANIFEST,
      fields: ['2:7 name', '3:10 version', '4:1 nme', '8:10 contexts[0].ttl'],
    });
    const unknown = docs('8.0.0', '  - { type: Nothing, version: 1.0.0 }\n');
    expect(await refusalOf(weir.as().registry.registerProvider(unknown))).toMatchObject({
      reason: Reason.INVALID_MANIFEST,
      fields: ['9:13 contexts[1].type'],
    });
    const manifest = {
      case: 'manifest' as const,
      value: { name: 'docs', version: '8.0.0', contexts: [{ type: 'DocChunk', version: '7.0.0' }] },
    };
    const asMessage = weir.as().registry.registerProvider({ source: manifest });
    expect(await refusalOf(asMessage)).toMatchObject({
      fields: ['contexts[0].version'],
      text: expect.stringContaining('there is 1.0.0'),
    });
  });

  test('gets by version, range or newest, and lists in pages', async () => {
    const { registry } = weir.as();
    await registry.registerProvider(docs('1.2.0'));
    await registry.registerProvider(docs('2.0.0-rc.1', 'category: documents'));
    const version = async (wanted: string) =>
      (await registry.getProvider({ name: 'docs', version: wanted })).provider?.manifest?.version;
    expect(await version('')).toBe('1.2.0');
    expect(await version('~1.0')).toBe('1.0.0');
    expect(await version('2.0.0-rc.1')).toBe('2.0.0-rc.1');
    expect(await refusalOf(registry.getProvider({ name: 'docs', version: '^9' }))).toMatchObject({
      reason: Reason.NOT_FOUND,
    });
    const filter = { text: 'MANUAL the', tag: 'help', type: 'DocChunk' };
    const one = await registry.listProviders({ filter, pageSize: 2 });
    expect(one.providers.map((held) => held.manifest?.version)).toEqual(['2.0.0-rc.1', '1.2.0']);
    const pageToken = one.nextPageToken;
    const two = await registry.listProviders({ filter, pageSize: 2, pageToken });
    expect(two.providers.map((held) => held.manifest?.version)).toEqual(['1.0.0']);
    expect(two.nextPageToken).toBe('');
    expect(await refusalOf(registry.listProviders({ pageSize: 2, pageToken }))).toMatchObject({
      reason: Reason.INVALID_PAGE,
    });
    const other = await registry.listProviders({ filter: { category: 'documents' } });
    expect(other.providers).toHaveLength(1);
  });

  test('updates only the state that the change was made from', async () => {
    const { registry } = weir.as();
    const { provider } = await registry.getProvider({ name: 'docs', version: '1.0.0' });
    const etag = provider?.etag ?? '';
    const changed = await registry.updateProvider({ ...docs('1.0.0', 'weight: 0'), etag });
    expect(changed.provider?.manifest?.weight).toBe(0);
    expect(changed.provider?.etag).not.toBe(etag);
    const stale = registry.updateProvider({ ...docs('1.0.0', 'weight: 7'), etag });
    expect(await refusalOf(stale)).toMatchObject({
      reason: Reason.ETAG_STALE,
      code: Code.Aborted,
    });
  });

  test('shows addresses only to who may register', async () => {
    const { registry } = weir.as();
    await registry.registerProvider(docs('3.0.0', 'endpoints: [{ url: "http://127.0.0.1:9" }]'));
    const urls = async (scopes: Scope[]) => {
      const { provider } = await weir
        .as({ scopes })
        .registry.getProvider({ name: 'docs', version: '3.0.0' });
      return [provider?.endpoints[0]?.url, provider?.manifest?.endpoints[0]?.url];
    };
    expect(await urls([Scope.REGISTER])).toEqual(['http://127.0.0.1:9', 'http://127.0.0.1:9']);
    expect(await urls([Scope.READ])).toEqual(['', '']);
    await registry.deregisterProvider({ name: 'docs', version: '3.0.0' });
  });

  test('asks for the scope that each call needs', async () => {
    const reader = weir.as({ scopes: [Scope.READ] });
    const missing = { reason: Reason.SCOPE_MISSING, code: Code.PermissionDenied };
    expect(await refusalOf(reader.registry.registerProvider(docs('1.0.0')))).toMatchObject(missing);
    expect(await refusalOf(reader.admin.listKeys({}))).toMatchObject(missing);
    const admin = weir.as({ scopes: [Scope.ADMIN] });
    expect(await refusalOf(admin.registry.registerProvider(docs('1.0.0')))).toMatchObject(missing);
    expect(await refusalOf(admin.admin.createTenant({ name: 'x' }))).toMatchObject(missing);
    expect(await refusalOf(admin.admin.listKeys({ tenant: 'x' }))).toMatchObject(missing);
    // Who administers a tenant cannot lock out who administers the platform.
    const first = { name: 'admin' };
    expect(await refusalOf(admin.admin.deletePrincipal(first))).toMatchObject(missing);
    const { principals } = await admin.admin.listPrincipals({});
    const principal = principals.find(({ name }) => name === 'admin');
    const disabled = { principal: { ...principal, disabled: true } };
    expect(await refusalOf(admin.admin.updatePrincipal(disabled as never))).toMatchObject(missing);
    const { keys } = await admin.admin.listKeys({ principal: 'admin' });
    expect(await refusalOf(admin.admin.revokeKey({ id: keys[0]?.id ?? '' }))).toMatchObject(
      missing,
    );
    const nobody = weir.as({ scopes: [] });
    expect(await refusalOf(nobody.registry.listTypes({}))).toMatchObject(missing);
    expect((await nobody.admin.whoAmI({})).tenant).toBe('default');
  });

  test('keeps tenants apart', async () => {
    const { admin } = weir.as();
    const made = await admin.createTenant({ name: 'bolt', title: 'Bolt' });
    expect(made.secret).toMatch(/^weir_/);
    expect(made.key?.scopes).toEqual([Scope.READ, Scope.REGISTER, Scope.ADMIN, Scope.CALL]);
    expect(await refusalOf(admin.createTenant({ name: 'bolt' }))).toMatchObject({
      reason: Reason.ALREADY_EXISTS,
    });
    const bolt = weir.as({ tenant: 'bolt', scopes: [Scope.READ, Scope.REGISTER, Scope.ADMIN] });
    expect((await bolt.registry.listProviders({})).providers).toEqual([]);
    expect(await refusalOf(bolt.registry.getProvider({ name: 'docs' }))).toMatchObject({
      reason: Reason.NOT_FOUND,
    });
    await bolt.registry.registerProvider(docs('1.0.0'));
    await bolt.registry.deregisterProvider({ name: 'docs' });
    expect((await weir.as().registry.getProvider({ name: 'docs' })).provider).toBeDefined();
    const { keys } = await admin.listKeys({ tenant: 'bolt' });
    expect(keys.map((one) => one.id)).toEqual([made.key?.id]);
    expect(await refusalOf(bolt.admin.revokeKey({ id: 'weir0000' }))).toMatchObject({
      reason: Reason.NOT_FOUND,
    });
    expect((await admin.listTenants({})).tenants.map((one) => one.name)).toEqual([
      'bolt',
      'default',
    ]);
  });

  test('keys: shown once, within the scopes of who creates them, gone when revoked', async () => {
    await using router = await weir.watch();
    const { admin } = weir.as({ scopes: [Scope.READ, Scope.ADMIN] });
    const made = await admin.createKey({ principal: 'bot', title: 'for the bot' });
    expect(made.key).toMatchObject({ principal: 'bot', scopes: [Scope.READ], tenant: 'default' });
    const id = `key/default/${made.key?.id}`;
    await router.until((held) => held.has(id) && held.has('principal/default/bot'));
    const beyond = admin.createKey({ principal: 'bot', scopes: [Scope.REGISTER] });
    expect(await refusalOf(beyond)).toMatchObject({ reason: Reason.SCOPE_MISSING });
    const stranger = admin.createKey({ principal: 'bot', consumer: 'nobody' });
    expect(await refusalOf(stranger)).toMatchObject({ reason: Reason.NOT_FOUND });

    const { principals } = await admin.listPrincipals({});
    const bot = principals.find((one) => one.name === 'bot');
    if (!bot) return expect.unreachable('the principal is not listed');
    const off = await admin.updatePrincipal({ principal: { ...bot, disabled: true } });
    await router.until((held) => !held.has(id));
    expect(await refusalOf(admin.updatePrincipal({ principal: bot }))).toMatchObject({
      reason: Reason.ETAG_STALE,
    });
    if (off.principal) off.principal.disabled = false;
    await admin.updatePrincipal({ principal: off.principal ?? {} });
    await router.until((held) => held.has(id));

    const gone = await admin.revokeKey({ id: made.key?.id ?? '' });
    expect(gone.key?.revokeTime).toBeDefined();
    await router.until((held) => !held.has(id));
    const { keys } = await admin.listKeys({ principal: 'bot' });
    expect(keys).toHaveLength(1);
    await admin.deletePrincipal({ name: 'bot' });
    expect((await admin.listKeys({ principal: 'bot' })).keys).toEqual([]);
  });

  test('principals carry attributes', async () => {
    const { admin } = weir.as();
    const attributes = { roles: ['reader'], clearance: 2 };
    const kind = PrincipalKind.AGENT;
    const made = await admin.createPrincipal({ name: 'agent:one@x', kind, attributes });
    expect(made.principal?.attributes).toEqual(attributes);
    const big = { text: 'x'.repeat(17 * 1024) };
    const refused = admin.createPrincipal({ name: 'big', kind, attributes: big });
    expect(await refusalOf(refused)).toMatchObject({ reason: Reason.MALFORMED_REQUEST });
  });

  test('consumers stay while keys name them', async () => {
    const { registry, admin } = weir.as();
    const copilot = (more = '') =>
      document(
        `kind: Consumer\nname: copilot\npins: [{ type: DocChunk, versionRange: ^1 }]\n${more}`,
      );
    const made = await registry.registerConsumer(copilot());
    expect((await registry.registerConsumer(copilot())).consumer).toEqual(made.consumer);
    expect(await refusalOf(registry.registerConsumer(copilot('owner: me')))).toMatchObject({
      reason: Reason.ALREADY_EXISTS,
    });
    const etag = made.consumer?.etag ?? '';
    const owned = await registry.updateConsumer({ ...copilot('owner: me'), etag });
    expect(owned.consumer?.manifest?.owner).toBe('me');
    const listed = await registry.listConsumers({ filter: { type: 'DocChunk' } });
    expect(listed.consumers).toEqual([owned.consumer]);
    const { key } = await admin.createKey({ principal: 'bot2', consumer: 'copilot' });
    expect(await refusalOf(registry.deregisterConsumer({ name: 'copilot' }))).toMatchObject({
      reason: Reason.IN_USE,
      code: Code.FailedPrecondition,
    });
    await admin.revokeKey({ id: key?.id ?? '' });
    await registry.deregisterConsumer({ name: 'copilot' });
    expect(await refusalOf(registry.getConsumer({ name: 'copilot' }))).toMatchObject({
      reason: Reason.NOT_FOUND,
    });
  });

  test('types: published once, kept compatible, removed when nobody offers them', async () => {
    const { registry } = weir.as();
    const total = { type: 'object', properties: { total: { type: 'number' } } };
    await registry.publishType(invoice('1.0.0', total));
    const again = await registry.publishType(invoice('1.0.0', total));
    expect(again.type?.manifest?.schema).toEqual(total);
    expect(await refusalOf(registry.publishType(invoice('1.0.0', {})))).toMatchObject({
      reason: Reason.ALREADY_EXISTS,
    });
    const breaking = { type: 'object', properties: { total: { type: 'string' } } };
    expect(await refusalOf(registry.publishType(invoice('1.1.0', breaking)))).toMatchObject({
      reason: Reason.INCOMPATIBLE,
      code: Code.FailedPrecondition,
    });
    await registry.publishType(invoice('2.0.0', breaking, { compatibility: 'none' }));
    expect(await refusalOf(registry.publishType(invoice('3.0.0', { type: 5 })))).toMatchObject({
      reason: Reason.INVALID_SCHEMA,
    });
    const shadow = document(JSON.stringify({ name: 'DocChunk', version: '9.0.0', schema: {} }));
    expect(await refusalOf(registry.publishType(shadow))).toMatchObject({
      reason: Reason.BUILT_IN,
    });
    await registry.registerProvider(
      document('name: erp\nversion: 1.0.0\ncontexts: [{ type: Invoice, version: 2.0.0 }]'),
    );
    const last = { name: 'Invoice', version: '2.0.0' };
    expect(await refusalOf(registry.deregisterType(last))).toMatchObject({
      reason: Reason.IN_USE,
      text: expect.stringContaining('erp 1.0.0'),
    });
    await registry.deregisterProvider({ name: 'erp' });
    const told = 'topics: [{ topic: invoice.paid, type: Invoice, version: 2.0.0 }]';
    await registry.registerProvider(docs('5.0.0', told));
    expect(await refusalOf(registry.deregisterType(last))).toMatchObject({ reason: Reason.IN_USE });
    await registry.deregisterProvider({ name: 'docs', version: '5.0.0' });
    const unknown = 'topics: [{ topic: invoice.paid, type: Invoice, version: 9.0.0 }]';
    expect(await refusalOf(registry.registerProvider(docs('5.0.0', unknown)))).toMatchObject({
      fields: [expect.stringContaining('topics[0].version')],
    });
    await registry.deregisterType(last);
    const { type } = await registry.getType({ name: 'Invoice' });
    expect(type?.manifest?.version).toBe('1.0.0');
  });

  test('routers get a snapshot, then deltas, and go on where they were', async () => {
    const { registry } = weir.as();
    await using first = await weir.watch();
    await first.until((held) => held.has('type//DocChunk/1.0.0'));
    expect(first.heard.slice(0, 3)).toEqual(['start', 'chunk', 'commit']);
    const from = first.at();
    await registry.registerProvider(docs('4.0.0'));
    await first.until((held) => held.has('provider/default/docs/4.0.0'));
    await registry.deregisterProvider({ name: 'docs', version: '4.0.0' });
    await first.until((held) => !held.has('provider/default/docs/4.0.0'));

    await using second = await weir.watch(from);
    await second.until(() => second.at().revision === first.at().revision);
    expect(second.heard).toEqual(['delta', 'delta']);
    await using lost = await weir.watch({ epoch: 'another', revision: from.revision });
    await lost.until((held) => held.size > 0);
    expect(lost.heard).toEqual(['start', 'chunk', 'commit']);
    await using ahead = await weir.watch({ ...from, revision: from.revision + 1000n });
    await ahead.until((held) => held.size > 0);
    expect(ahead.heard).toEqual(['start', 'chunk', 'commit']);
  });

  test('answers questions about its own database that only read', async () => {
    const rows = await weir.opened.query('select name from tenants order by name');
    expect(rows).toEqual([{ name: 'bolt' }, { name: 'default' }]);
    await expect(weir.opened.query('delete from tenants')).rejects.toThrow();
  });
});

test('a lease that is not renewed puts its endpoint down, a heartbeat up again', async () => {
  await using weir = await openTestRegistry({ leaseMs: 300 });
  await using router = await weir.watch();
  const { registry } = weir.as();
  await registry.registerProvider(docs('1.0.0'));
  const address = { url: 'http://127.0.0.1:4000' };
  const at = { provider: 'docs', version: '1.0.0', endpoint: address };
  const { endpoint, lease } = await registry.registerEndpoint(at);
  expect(lease).toMatchObject({ nanos: 300_000_000 });
  expect(endpoint).toMatchObject({ weight: 100, kind: EndpointKind.LEASED });
  const endpointId = endpoint?.id ?? '';
  const id = `endpoint/default/${endpointId}`;
  await router.until((held) => health(held, id) === EndpointHealth.UP);
  await router.until((held) => health(held, id) === EndpointHealth.DOWN);
  const beat = await registry.heartbeat({ endpointIds: [endpointId, 'never-seen'] });
  expect(beat.unknownEndpointIds).toEqual(['never-seen']);
  await router.until((held) => health(held, id) === EndpointHealth.UP);
  expect((await registry.registerEndpoint(at)).endpoint?.id).toBe(endpointId);

  await registry.deregisterEndpoint({ endpointId, drain: true });
  await router.until((held) => health(held, id) === EndpointHealth.DRAINING);
  await router.until((held) => !held.has(id));
  const { unknownEndpointIds } = await registry.heartbeat({ endpointIds: [endpointId] });
  expect(unknownEndpointIds).toEqual([endpointId]);
  const bolt = weir.as({ tenant: 'bolt' });
  expect(await refusalOf(bolt.registry.registerEndpoint(at))).toMatchObject({
    reason: Reason.NOT_FOUND,
  });
});

test('a static endpoint follows the health of its process', async () => {
  await using weir = await openTestRegistry();
  await using router = await weir.watch();
  const { registry } = weir.as();
  // A server that knows no health service answers, and so is up.
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/grpc', 'grpc-status': '12' }).end();
  });
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  const listen = (port: number) =>
    new Promise<number>((resolve) => {
      server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
    });
  const port = await listen(0);
  const endpoints = `endpoints: [{ url: "http://127.0.0.1:${port}", weight: 7 }]`;
  const { provider } = await registry.registerProvider(docs('1.0.0', endpoints));
  const id = `endpoint/default/${provider?.endpoints[0]?.id}`;
  await router.until((held) => health(held, id) === EndpointHealth.UP);
  server.close();
  for (const session of sessions) session.destroy();
  await router.until((held) => health(held, id) === EndpointHealth.DOWN);
  await listen(port);
  await router.until((held) => health(held, id) === EndpointHealth.UP);
  const endpointId = provider?.endpoints[0]?.id ?? '';
  expect(await refusalOf(registry.deregisterEndpoint({ endpointId }))).toMatchObject({
    reason: Reason.IN_USE,
  });
  await registry.updateProvider({ ...docs('1.0.0'), etag: provider?.etag ?? '' });
  await router.until((held) => !held.has(id));
  for (const session of sessions) session.destroy();
  await new Promise((resolve) => server.close(resolve));
});

test('endpoints that hang are checked side by side, and hold up no other', async () => {
  await using weir = await openTestRegistry({ healthIntervalMs: 1000 });
  const metMs: number[] = [];
  const silent = createTcpServer((socket) => {
    metMs.push(performance.now());
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => silent.listen(0, '0.0.0.0', resolve));
  const { port } = silent.address() as AddressInfo;
  const urls = Array.from({ length: 64 }, (_, i) => `{ url: "http://127.0.1.${i + 1}:${port}" }`);
  await weir.as().registry.registerProvider(docs('1.0.0', `endpoints: [${urls.join(', ')}]`));
  await expect.poll(() => metMs.length, { timeout: 10_000 }).toBe(64);
  expect((metMs.at(-1) ?? 0) - (metMs[0] ?? 0)).toBeLessThan(900);
  silent.close();
});

test('the administrator key of another database is kept', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'weir-registry-'));
  await writeFile(join(dataDir, 'admin.key'), 'older', { mode: 0o600 });
  await using weir = await openTestRegistry({ dataDir });
  const names = await readdir(dataDir);
  const [kept = ''] = names.filter((name) => /^admin\.key\.\d+$/.test(name));
  expect(await readFile(join(dataDir, kept), 'utf8')).toBe('older');
  expect((await stat(join(dataDir, kept))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(dataDir, 'admin.key'), 'utf8')).toContain(weir.opened.adminKey);
});
