import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { createLogger, ensureServiceSecret, reasonOf } from '@weir/kit';
import { openRegistry, registryDefaults } from '@weir/registry';
import { createWeir } from '@weir/sdk';
import { ErrorInfoSchema, RetryInfoSchema } from '@weir/sdk/gen/google/rpc/error_details_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { embeddedDump, openFolder, until } from './weir.ts';

// A router that is told to stop while it is used, as a process of its own; another one goes on.
// A balancer that knows nothing of calls stands before the two.

const root = join(import.meta.dirname, '../..');
const streamsPerClient = 10;

interface RouterProcess {
  readonly port: number;
  readonly child: ChildProcess;
}

let stack: AsyncDisposableStack;
let adminKey: string;
let routers: RouterProcess[];
let url: string;
/** Lets what a provider holds back come. */
let release: () => void;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  const folder = stack.use(await openFolder());
  const secretFile = join(folder.path, 'service.key');
  const serviceSecret = ensureServiceSecret('WEIR_SERVICE_SECRET_FILE', secretFile);
  const pgliteDump = await embeddedDump();
  const log = createLogger({ name: 'test', level: 'silent' });
  const registry = stack.use(
    await openRegistry(
      {
        ...registryDefaults,
        ...{ port: 0, dataDir: folder.path, serviceSecret, pgliteDump },
        outboundAllow: ['loopback'],
      },
      { log },
    ),
  );
  adminKey = registry.adminKey ?? '';
  routers = await Promise.all(
    ['one', 'two'].map((name) =>
      startRouter({
        WEIR_REGISTRY_URL: registry.url,
        WEIR_SERVICE_SECRET_FILE: secretFile,
        WEIR_OUTBOUND_ALLOW: 'loopback',
        WEIR_DATA_DIR: join(folder.path, name),
      }),
    ),
  );
  const [one, two] = routers;
  if (!one || !two) throw new Error('two routers were started');
  url = await openBalancer(stack, [one.port, two.port]);
  const held = Promise.withResolvers<void>();
  release = held.resolve;
  const at = { url: `http://127.0.0.1:${two.port}`, key: adminKey };
  stack.use(await serveProvider(holder(held.promise), at));
  const client = createWeir({ ...at, url });
  await until(async () => (await client.fetch(['Held/now']))[0]?.ok === true, 'it is served');
  client.close();
}, 120_000);

afterAll(() => stack.disposeAsync());

/** Answers at once, but for keys that begin with "late". */
function holder(held: Promise<void>) {
  return defineProvider({
    name: 'holder',
    version: '1.0.0',
    timeoutMs: 60_000,
    contexts: [
      defineContext<string>({
        type: 'Held',
        version: '1.0.0',
        schema: {},
        fetch: async ({ key }) => {
          if (key.startsWith('late')) await held;
          return { value: key };
        },
      }),
    ],
  });
}

async function startRouter(env: NodeJS.ProcessEnv): Promise<RouterProcess> {
  const [port, opsPort] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, [join(root, 'router/src/main.ts')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env.PATH,
      WEIR_PORT: String(port),
      WEIR_OPS_PORT: String(opsPort),
      WEIR_LOG_LEVEL: 'warn',
      ...env,
    },
  });
  stack.defer(() => end(child));
  const ready = async () => {
    const answer = await fetch(`http://127.0.0.1:${opsPort}/readyz`).catch(() => undefined);
    return answer?.ok === true;
  };
  await until(ready, 'the router is ready', 60_000);
  return { port, child };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Carries each connection to the first port that takes it. */
async function openBalancer(owner: AsyncDisposableStack, ports: readonly number[]) {
  const sockets = new Set<Socket>();
  const carry = async (socket: Socket) => {
    sockets.add(socket.on('error', () => {}));
    for (const port of ports) {
      const onward = createConnection({ port, host: '127.0.0.1', noDelay: true });
      const taken = await new Promise((resolve) => {
        onward.once('connect', () => resolve(true)).once('error', () => resolve(false));
      });
      if (!taken) continue;
      onward.on('error', () => {}).on('close', () => socket.destroy());
      socket.on('close', () => onward.destroy());
      socket.pipe(onward).pipe(socket);
      return;
    }
    socket.destroy();
  };
  const server = createServer((socket) => void carry(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  owner.defer(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const headers = () => ({ authorization: `Bearer ${adminKey}` });
const refs = [{ type: 'Held', key: 'now' }];
const agent = new Agent({ keepAlive: true });
const transports: Record<string, () => Transport> = {
  gRPC: () => createGrpcTransport({ baseUrl: url }),
  'gRPC-Web': () => createGrpcWebTransport({ baseUrl: url, httpVersion: '2' }),
  'Connect binary': () => createConnectTransport({ baseUrl: url, httpVersion: '2' }),
  'Connect JSON on HTTP/1.1': () =>
    createConnectTransport({
      baseUrl: url,
      httpVersion: '1.1',
      useBinaryFormat: false,
      nodeOptions: { agent },
    }),
};

type Fetch = () => Promise<unknown>;

/** Clients that fetch, none of which tries a call again. */
function openClients(): Record<string, Fetch> {
  const ours = Object.entries(transports).map(([name, open]): [string, Fetch] => {
    const client = createClient(RouterService, open());
    const call = () => client.fetchContext({ refs }, { headers: headers() });
    return [name, () => call().catch(unlessUnsent(call))];
  });
  return { ...Object.fromEntries(ours), 'grpc-js': openGrpcJs() };
}

/**
 * A call that Node had not sent when it heard that the connection is to go was never under way: it
 * is made anew, as grpc-js does by itself.
 */
function unlessUnsent(call: Fetch) {
  return (error: unknown) => {
    if (String(error).includes('NGHTTP2_REFUSED_STREAM')) return call();
    throw error;
  };
}

function openGrpcJs(): Fetch {
  const includeDirs = [join(root, 'proto')];
  const loaded = grpc.loadPackageDefinition(
    loadSync('weir/router/v1/router.proto', { includeDirs }),
  );
  const at = ['weir', 'router', 'v1', 'RouterService'];
  const Client = at.reduce<unknown>((o, name) => (o as Record<string, unknown>)[name], loaded);
  const client = new (Client as grpc.ServiceClientConstructor)(
    new URL(url).host,
    grpc.credentials.createInsecure(),
  ) as unknown as {
    FetchContext(
      request: object,
      metadata: grpc.Metadata,
      done: grpc.requestCallback<object>,
    ): void;
    close(): void;
  };
  stack.defer(() => client.close());
  const metadata = new grpc.Metadata();
  metadata.set('authorization', `Bearer ${adminKey}`);
  return () =>
    new Promise((resolve, reject) => {
      const done = (error: grpc.ServiceError | null, answer?: object) =>
        error ? reject(error) : resolve(answer);
      client.FetchContext({ refs }, metadata, done);
    });
}

test('a router that is told to stop fails no call, and tells every stream where to go on', async () => {
  const [one] = routers;
  if (!one) throw new Error('a router was started');
  let going = true;
  const failures: string[] = [];
  const counts: Record<string, number> = {};
  const calling = Object.entries(openClients()).map(async ([name, call]) => {
    while (going) {
      await call().then(
        () => {
          counts[name] = (counts[name] ?? 0) + 1;
        },
        (error: unknown) => failures.push(`${name}: ${String(error)}`),
      );
      await sleep(5);
    }
  });

  const open = Array.from({ length: 20 }, (_, i) => ({ type: 'Held', key: `late${i}` }));
  const asked = [...refs, ...open];
  const weir = createWeir({ url, key: adminKey, timeoutMs: 50_000 });
  const resumed = Array.from({ length: streamsPerClient }, () =>
    Array.fromAsync(weir.stream(asked)),
  );
  const begun: number[][] = [];
  const told = Object.values(transports).flatMap((openTransport) => {
    const client = createClient(RouterService, openTransport());
    return Array.from({ length: streamsPerClient }, async () => {
      const got: number[] = [];
      begun.push(got);
      try {
        const call = { headers: headers(), timeoutMs: 50_000 };
        for await (const { result } of client.streamContext({ fetch: { refs: asked } }, call)) {
          got.push(result?.index ?? -1);
        }
      } catch (error) {
        return { got, error: ConnectError.from(error) };
      }
      return { got, error: undefined };
    });
  });
  await until(() => begun.every((got) => got.length === 1), 'all streams are open', 60_000);
  await until(() => Object.keys(counts).length === calling.length, 'all clients call', 60_000);
  const beforeStop = { ...counts };

  one.child.kill('SIGTERM');
  const [exitCode] = await once(one.child, 'exit');
  await sleep(500);
  going = false;
  await Promise.all(calling);
  expect(exitCode).toBe(0);
  expect(failures).toEqual([]);
  for (const [name, count] of Object.entries(beforeStop)) {
    expect(counts[name], name).toBeGreaterThan(count);
  }

  for (const { got, error } of await Promise.all(told)) {
    expect(got).toEqual([0]);
    expect(error?.code).toBe(Code.Unavailable);
    expect(reasonOf(error)).toBe(Reason.OVERLOADED);
    expect(error?.findDetails(RetryInfoSchema)).toHaveLength(1);
    expect(error?.findDetails(ErrorInfoSchema)[0]?.metadata.open).toBe('1-20');
  }
  release();
  for (const outcomes of await Promise.all(resumed)) {
    expect(outcomes.every(({ ok }) => ok)).toBe(true);
    expect(outcomes.map(({ index }) => index).sort((a, b) => a - b)).toEqual([...asked.keys()]);
  }
  weir.close();
}, 120_000);
