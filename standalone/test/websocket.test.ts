import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Code, createClient } from '@connectrpc/connect';
import {
  createWebSocketTransport,
  createWeir,
  type ItemOutcome,
  Reason,
  type Weir,
} from '@weir/sdk';
import { EventService } from '@weir/sdk/gen/weir/events/v1/events_pb';
import { PrincipalKind, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestWeir, type TestWeir, until } from './weir.ts';

// The SDK over a WebSocket, and the framing by hand, on a whole Weir.

const root = dirname(dirname(import.meta.dirname));
const run = promisify(execFile);
let weir: TestWeir;
let client: Weir;

beforeAll(async () => {
  weir = await openTestWeir();
  const { url, key } = weir.weir;
  client = createWeir({ url, key, protocol: 'websocket' });
  const served = ['SQLSchema/weir', 'DocChunk/README.md'];
  const isServed = async () => (await weir.client.fetch(served)).every(({ ok }) => ok);
  await until(isServed, 'schema and documents are served', 40_000);
});

afterAll(async () => {
  client.close();
  await weir[Symbol.asyncDispose]();
});

/** What does not change from call to call. */
function lasting(outcome: ItemOutcome) {
  return outcome.ok
    ? { value: outcome.item.value, version: outcome.item.version, etag: outcome.item.etag }
    : { code: outcome.refusal.code, reason: outcome.refusal.reason, text: outcome.refusal.text };
}

describe('the SDK', () => {
  const refs = ['SQLSchema/weir', 'DocChunk/nothing', 'DocChunk/README.md', 'Nothing/x'];

  test('fetches, gets, streams, lists and explains as over gRPC', async () => {
    const plain = weir.client;
    const [own, others] = [await client.fetch(refs), await plain.fetch(refs)];
    expect(own.map(({ ok }) => ok)).toEqual([true, false, true, false]);
    expect(own.map(lasting)).toEqual(others.map(lasting));
    expect((await client.get('SQLSchema', 'weir')).etag).toBe(
      (await plain.get('SQLSchema', 'weir')).etag,
    );
    const streamed = await Array.fromAsync(client.stream(refs));
    expect(streamed.map(lasting)).toHaveLength(4);
    const listed = async (from: Weir) =>
      (await Array.fromAsync(from.list({ type: 'SQLSchema' }))).map(({ ref }) => ref?.key);
    expect(await listed(client)).toContain('weir');
    expect(await listed(client)).toEqual(await listed(plain));
    expect((await client.explain(['SQLSchema/weir'])).explanations).toHaveLength(1);
    expect((await client.registry.listProviders({})).providers.length).toBeGreaterThan(0);
  });

  test('is refused as over gRPC, with the reason', async () => {
    const { url } = weir.weir;
    const failure = (protocol: 'grpc' | 'websocket') =>
      createWeir({ url, key: 'weir_x', protocol, retries: 0 })
        .fetch(refs)
        .catch(({ code, reason, text }) => ({ code, reason, text }));
    const refused = await failure('websocket');
    expect(refused).toMatchObject({
      code: Code.Unauthenticated,
      reason: Reason.CREDENTIAL_INVALID,
    });
    expect(refused).toEqual(await failure('grpc'));
    const nowhere = createWeir({
      url: 'http://127.0.0.1:1',
      key: 'k',
      protocol: 'websocket',
      retries: 0,
    });
    await expect(nowhere.fetch(refs)).rejects.toMatchObject({ code: Code.Unavailable });
  });

  test('goes on with a subscription when its connection is cut, and loses nothing', async () => {
    await using way = await openWay(new URL(weir.weir.url));
    const { key } = weir.weir;
    const subscriber = createWeir({ url: way.url, key, protocol: 'websocket' });
    const breaks: string[] = [];
    const events = subscriber.subscribe('cut.*', { onBreak: ({ text }) => breaks.push(text) });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of events) {
        seen.push(event.key);
        if (event.key === 'k9') break;
      }
    })();
    // What comes is what comes after it has begun.
    await until(() => way.open() === 1, 'it is connected');
    await until(async () => {
      if (seen.length > 0) return true;
      await client.publish('cut.begun', { key: 'begun' });
      return false;
    }, 'it has begun');
    const keys = Array.from({ length: 10 }, (_, index) => `k${index}`);
    for (const name of keys) {
      if (name === 'k5') way.cut();
      await client.publish('cut.page', { key: name });
    }
    await reading;
    subscriber.close();
    expect(seen.filter((name) => name !== 'begun')).toEqual(keys);
    expect(breaks.length).toBeGreaterThan(0);
    expect(breaks[0]).toContain('the connection to Weir broke');
  });

  test('ends a subscription whose key is revoked', async () => {
    const { admin } = weir.client;
    await admin.createPrincipal({ name: 'browser', kind: PrincipalKind.AGENT });
    const { secret, key } = await admin.createKey({ principal: 'browser', scopes: [Scope.READ] });
    const transport = createWebSocketTransport({ url: weir.weir.url, key: secret });
    const subscription = createClient(EventService, transport)
      .subscribe({ topics: ['*'] })
      [Symbol.asyncIterator]();
    await subscription.next();
    await admin.revokeKey({ id: key?.id ?? '' });
    await expect(subscription.next()).rejects.toMatchObject({ code: Code.Unauthenticated });
    transport.close();
  });

  test('signs its calls, where the key asks for it', async () => {
    const { url } = weir.weir;
    const { admin } = weir.client;
    const { principal } = await admin.createPrincipal({
      name: 'signer',
      kind: PrincipalKind.AGENT,
    });
    const { secret } = await admin.createKey({
      ...{ principal: principal?.name ?? '', scopes: [Scope.READ], requiresSignature: true },
    });
    const signing = createWeir({ url, key: secret, sign: true, protocol: 'websocket' });
    const [outcome] = await signing.fetch(['SQLSchema/weir']);
    expect(outcome?.ok).toBe(true);
    expect(await Array.fromAsync(signing.stream(['SQLSchema/weir']))).toHaveLength(1);
    signing.close();
    const bare = createWeir({ url, key: secret, protocol: 'websocket', retries: 0 });
    await expect(bare.fetch(['SQLSchema/weir'])).rejects.toMatchObject({
      code: Code.Unauthenticated,
    });
    bare.close();
  });
});

test('a subscriber who grants nothing is cut off, and the rest of its connection is not', async () => {
  const { url, key } = weir.weir;
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, 'weir.v1.json');
  const sent: { end?: { call: number; details?: { reason?: string }[] }; message?: object }[] = [];
  socket.onmessage = ({ data }) => void sent.push(JSON.parse(String(data)));
  await new Promise((resolve) => {
    socket.onopen = resolve;
  });
  const metadata = { authorization: `Bearer ${key}` };
  const open = (call: number, method: string, more: object) =>
    socket.send(JSON.stringify({ open: { call, method, metadata, ...more } }));
  const message = { topics: ['slow.*'] };
  open(1, '/weir.events.v1.EventService/Subscribe', { message, credit: 1 });
  await until(() => sent.some(({ message: come }) => come), 'it has begun');
  const data = 'x'.repeat(64 * 1024);
  const ended = (call: number) => sent.find(({ end }) => end?.call === call)?.end;
  const four = Array.from({ length: 4 }, () => ({ topic: 'slow.page', key: 'k', data }));
  for (let count = 0; count < 16 && !ended(1); count++) await client.publish(four);
  await until(() => ended(1) !== undefined, 'it is cut off');
  expect(ended(1)?.details?.[0]?.reason).toBe('REASON_SUBSCRIBER_SLOW');
  const refs = [{ type: 'SQLSchema', key: 'weir' }];
  open(2, '/weir.router.v1.RouterService/FetchContext', { message: { refs } });
  await until(() => ended(2) !== undefined, 'another call is answered');
  expect(ended(2)?.details).toBeUndefined();
  socket.close();
});

describe('what docs/websocket.md shows', () => {
  const guide = readFileSync(join(root, 'docs/websocket.md'), 'utf8');
  const programs = [...guide.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);

  test('is two programs', () => expect(programs).toHaveLength(2));

  test.each(programs.map((program, index) => [index + 1, program]))(
    'number %i runs, and ends',
    async (number, program) => {
      const file = join(import.meta.dirname, `.websocket-${process.pid}-${number}.ts`);
      const { url, key } = weir.weir;
      try {
        await writeFile(file, program);
        const env = { ...process.env, WEIR_URL: url, WEIR_KEY: key };
        const { stdout } = await run(process.execPath, [file], { cwd: root, env });
        expect(stdout).toMatch(number === 1 ? /^true\npage\.updated home\n$/ : /"end":/);
      } finally {
        await rm(file, { force: true });
      }
    },
  );
});

/** A way to Weir that can be cut while it is used. */
async function openWay(target: URL) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const onward = connect(Number(target.port), target.hostname);
    for (const [one, other] of [[socket, onward] as const, [onward, socket] as const]) {
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
      one.pipe(other);
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => sockets.size,
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
