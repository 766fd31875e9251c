import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { ensureServiceSecret } from '@weir/kit';
import { createWeir } from '@weir/sdk';
import { ErrorInfoSchema } from '@weir/sdk/gen/google/rpc/error_details_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';
import { openFolder, startWeir, type WeirProcess } from '../load/weir-process.ts';
import { openLink } from '../parts/link.ts';
import { freePort } from '../parts/ports.ts';
import type { Promised } from './promise.ts';

const perSecond = 200;
const streams = 100;
const beforeMs = 3_000;
const afterMs = 2_000;
const clients = 8;
const exitMaxS = 30;
const warmUpCalls = 500;
const streamTimeoutMs = 60_000;

/** P4: a router that is told to stop while another one goes on, behind one address. */
export const p04: Promised = {
  id: 'P4',
  says: 'SIGTERM under 200 calls/s and 100 streams: no failed unary call, each stream told where to resume, exit within 30 s',
  async measure(signal) {
    await using stack = new AsyncDisposableStack();
    const { url, other, key, one } = await openSite(stack);
    for (const each of [url, other]) await warmUp(each, key);
    const told = await openStreams(url, key);
    const load = callFor(url, key, signal);
    await sleep(beforeMs);
    const startMs = performance.now();
    const exitCode = await one.stop();
    const exitS = (performance.now() - startMs) / 1000;
    await sleep(afterMs);
    const { calls, failures, slowestMs } = await load.stop();
    for (const failure of new Set(failures)) console.log(`    ${failure}`);
    const ends = await Promise.all(told);
    const count = (value: number) => ({ value, unit: 'count' as const });
    return [
      { figure: 'unary calls', ...count(calls) },
      { figure: 'unary calls that failed', ...count(failures.length), limit: 0 },
      { figure: 'slowest unary call', value: slowestMs, unit: 'ms' },
      { figure: 'streams open', ...count(ends.length) },
      {
        figure: 'streams not told where to resume',
        ...count(ends.filter((ok) => !ok).length),
        limit: 0,
      },
      { figure: 'exit after', value: exitS, unit: 's', limit: exitMaxS },
      { figure: 'exit code', ...count(exitCode ?? -1), limit: 0 },
    ];
  },
};

/** What was just started takes many times as long for its first calls. */
async function warmUp(url: string, key: string): Promise<void> {
  const weir = createWeir({ url, key });
  for (let i = 0; i < warmUpCalls; i++) await weir.fetch(['Held/now']);
  weir.close();
}

interface Site {
  /** The address of both routers. */
  readonly url: string;
  /** That of the router that goes on. */
  readonly other: string;
  readonly key: string;
  /** The router that new connections go to. */
  readonly one: WeirProcess;
}

async function openSite(stack: AsyncDisposableStack): Promise<Site> {
  const { path } = stack.use(await openFolder());
  const secretFile = join(path, 'service.key');
  ensureServiceSecret('WEIR_SERVICE_SECRET_FILE', secretFile);
  const registryPort = await freePort();
  const shared = { WEIR_SERVICE_SECRET_FILE: secretFile, WEIR_LOG_LEVEL: 'warn' };
  const keyFile = join(path, 'admin.key');
  const readKey = () => readFile(keyFile, 'utf8').catch(() => '');
  stack.use(
    await startWeir(
      'registry/src/main.ts',
      {
        ...shared,
        WEIR_REGISTRY_PORT: String(registryPort),
        WEIR_OPS_PORT: String(await freePort()),
        WEIR_DATA_DIR: path,
      },
      async () => (await readKey()) !== '',
    ),
  );
  const key = (await readKey()).trim();
  const startRouter = async (name: string, port: number) => {
    const opsPort = await freePort();
    const env = {
      ...shared,
      WEIR_REGISTRY_URL: `http://127.0.0.1:${registryPort}`,
      WEIR_PORT: String(port),
      WEIR_OPS_PORT: String(opsPort),
      WEIR_DATA_DIR: join(path, name),
    };
    const isReady = () =>
      fetch(`http://127.0.0.1:${opsPort}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
    return stack.use(await startWeir('router/src/main.ts', env, isReady));
  };
  const ports = [await freePort(), await freePort()] as const;
  const one = await startRouter('one', ports[0]);
  await startRouter('two', ports[1]);
  const link = stack.use(await openLink('routers', await freePort(), ports));
  const url = `http://127.0.0.1:${link.port}`;
  const at = { url: `http://127.0.0.1:${ports[1]}`, key };
  stack.use(await serveProvider(slowAndQuick(), at));
  const client = createWeir({ url, key });
  stack.defer(() => client.close());
  while (!(await client.fetch(['Held/now']))[0]?.ok) await sleep(100);
  return { url, other: at.url, key, one };
}

/** Answers at once, but for keys that begin with "late". */
function slowAndQuick() {
  return defineProvider({
    name: 'slow-and-quick',
    version: '1.0.0',
    timeoutMs: streamTimeoutMs,
    contexts: [
      defineContext<string>({
        type: 'Held',
        version: '1.0.0',
        schema: {},
        ttlMs: 60_000,
        fetch: async ({ key, signal }) => {
          if (key.startsWith('late')) await sleep(streamTimeoutMs, undefined, { signal });
          return { value: key };
        },
      }),
    ],
  });
}

const transports = (baseUrl: string): Transport[] =>
  Array.from({ length: clients }, (_, i) =>
    i % 2 === 0
      ? createGrpcTransport({ baseUrl })
      : createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: i % 4 === 1 }),
  );

/** Calls at a steady rate, none of them twice, until it is stopped. */
function callFor(url: string, key: string, signal: AbortSignal) {
  const headers = { authorization: `Bearer ${key}` };
  const routers = transports(url).map((transport) => createClient(RouterService, transport));
  const failures: string[] = [];
  const calls: Promise<void>[] = [];
  let slowestMs = 0;
  let going = true;
  const begin = (dueMs: number) => {
    const router = routers[calls.length % routers.length];
    const refs = [{ type: 'Held', key: 'now' }];
    const call = async () => router?.fetchContext({ refs }, { headers, signal });
    // What Node had not sent when the connection was to go is sent anew, as grpc-js does by itself.
    const unsent = (error: unknown) => {
      if (String(error).includes('NGHTTP2_REFUSED_STREAM')) return call();
      throw error;
    };
    calls.push(
      call()
        .catch(unsent)
        .then(
          (answer) => {
            slowestMs = Math.max(slowestMs, performance.now() - dueMs);
            if (answer?.results[0]?.outcome.case !== 'item') failures.push('an item was refused');
          },
          (error: unknown) => void failures.push(String(error)),
        ),
    );
  };
  const startMs = performance.now();
  const loop = (async () => {
    while (going && !signal.aborted) {
      for (;;) {
        const dueMs = startMs + (calls.length * 1000) / perSecond;
        if (dueMs > performance.now()) break;
        begin(dueMs);
      }
      await sleep(1);
    }
  })();
  return {
    async stop() {
      going = false;
      await loop;
      await Promise.all(calls);
      return { calls: calls.length, failures, slowestMs };
    },
  };
}

/** Opens streams that wait; each resolves with whether it was told what is still open. */
async function openStreams(url: string, key: string): Promise<Promise<boolean>[]> {
  const routers = transports(url).map((transport) => createClient(RouterService, transport));
  const told: Promise<boolean>[] = [];
  for (let i = 0; i < streams; i++) {
    const refs = ['now', `late-${i % 20}`].map((name) => ({ type: 'Held', key: name }));
    const call = { headers: { authorization: `Bearer ${key}` }, timeoutMs: streamTimeoutMs };
    const stream = routers[i % routers.length]?.streamContext({ fetch: { refs } }, call);
    const results = stream?.[Symbol.asyncIterator]();
    const first = await results?.next();
    if (results === undefined || first?.value?.result?.index !== 0) throw new Error('no stream');
    told.push(results.next().then(() => false, isToldOpen));
  }
  return told;
}

function isToldOpen(error: unknown): boolean {
  const [info] = ConnectError.from(error).findDetails(ErrorInfoSchema);
  return info?.metadata.open === '1';
}
