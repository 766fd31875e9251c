import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { RouterConfig } from '@weir/router';
import { defineOperation, toolContent } from '@weir/sdk/provider';
import { type Apart, openApart } from '../apart.ts';
import { until } from '../weir.ts';
import { serveFixture } from './fixture.ts';

const root = join(import.meta.dirname, '../../..');

/** Two routers over one registry; the second can be one that is killed. */
export interface SeveralRouters extends AsyncDisposable {
  readonly weir: Apart;
  /** Where the routers are, without a path. */
  readonly one: string;
  readonly other: string;
  /** Has the tool "steps" tell one more step; after `last` it ends. */
  step(last?: 'last'): void;
  /** Calls of "steps" that were ended before they were over. */
  readonly cancelled: () => number;
  /** Opens one more router, as a process of its own. */
  spawnRouter(): Promise<SpawnedRouter>;
}

/** A router as a process of its own. */
export interface SpawnedRouter {
  readonly url: string;
  kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>;
}

/** Opens the world. */
export async function openSeveralRouters(
  databaseUrl: string | undefined,
  config: Partial<RouterConfig> = {},
): Promise<SeveralRouters> {
  await using stack = new AsyncDisposableStack();
  const weir = stack.use(await openApart(databaseUrl, ['one', 'other'], config));
  const [one, other] = weir.routers.map(({ router }) => router.url);
  if (one === undefined || other === undefined) throw new Error('two routers were opened');
  const steps = createSteps();
  const to = { weir: { url: other, key: weir.adminKey } };
  stack.use(await serveFixture(to, [steps.operation, large]));
  const owned = stack.move();
  return {
    ...{ weir, one, other, step: steps.step, cancelled: () => steps.cancelled },
    async spawnRouter() {
      return await spawnRouter(weir, config, owned);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A tool that goes on when the test says so. */
function createSteps() {
  let next = Promise.withResolvers<boolean>();
  const steps = {
    cancelled: 0,
    step(last?: 'last') {
      next.resolve(last === 'last');
    },
    operation: defineOperation({
      ...{ name: 'steps', description: 'Tells each step.', timeoutMs: 120_000 },
      async call({ progress, signal }) {
        const left = new Promise<true>((resolve) => {
          signal.addEventListener('abort', () => resolve(true), { once: true });
        });
        // So that its stream begins.
        progress(0);
        for (let at = 1; ; at++) {
          const isLast = await Promise.race([next.promise, left]);
          next = Promise.withResolvers();
          if (signal.aborted) {
            steps.cancelled += 1;
            signal.throwIfAborted();
          }
          if (isLast) return toolContent({ content: [{ type: 'text', text: `${at - 1} steps` }] });
          progress(at);
        }
      },
    }),
  };
  return steps;
}

/** A tool whose result is greater than what is written at once. */
const large = defineOperation({
  ...{ name: 'large', description: 'Tells much.' },
  call({ progress }) {
    progress(1);
    return toolContent({ content: [{ type: 'text', text: 'x'.repeat(1_500_000) }] });
  },
});

async function spawnRouter(
  weir: Apart,
  config: Partial<RouterConfig>,
  owner: AsyncDisposableStack,
): Promise<SpawnedRouter> {
  const [port, opsPort] = [await freePort(), await freePort()];
  const secretFile = join(weir.dataDir, `secret-${port}`);
  await writeFile(secretFile, weir.serviceSecret, { mode: 0o600 });
  const child = spawn(process.execPath, [join(root, 'router/src/main.ts')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env.PATH,
      ...{ WEIR_PORT: String(port), WEIR_OPS_PORT: String(opsPort), WEIR_LOG_LEVEL: 'error' },
      WEIR_REGISTRY_URL: weir.registryUrl,
      WEIR_SERVICE_SECRET_FILE: secretFile,
      WEIR_DATA_DIR: join(weir.dataDir, `spawned-${port}`),
      WEIR_OUTBOUND_ALLOW: 'loopback',
      ...(config.eventsLog === 'redis' && {
        ...{ WEIR_EVENTS_LOG: 'redis', WEIR_EVENTS_REDIS_URL: config.eventsRedisUrl },
      }),
    },
  });
  owner.defer(() => end(child));
  const ready = async () => {
    const answer = await fetch(`http://127.0.0.1:${opsPort}/readyz`).catch(() => undefined);
    return answer?.ok === true;
  };
  await until(ready, 'the router is ready', 60_000);
  return { url: `http://127.0.0.1:${port}`, kill: (signal) => end(child, signal) };
}

async function end(child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** A way to one router at a time, as of a balancer. */
export interface Way extends AsyncDisposable {
  readonly url: string;
  /** Ends all connections; new ones lead to another router. */
  lead(to: string): void;
}

/** Opens a way that leads to a router, until it is to lead to another. */
export async function openWay(first: string): Promise<Way> {
  let to = first;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = createConnection({ port: Number(new URL(to).port), host: '127.0.0.1' });
    for (const [socket, peer] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => peer.destroy());
    }
    near.pipe(far).pipe(near);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lead(other) {
      to = other;
      cut();
    },
    async [Symbol.asyncDispose]() {
      server.close();
      cut();
    },
  };
}
