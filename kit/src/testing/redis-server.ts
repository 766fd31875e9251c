import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Whether there is a Redis to start. */
export const hasRedisServer = spawnSync('redis-server', ['--version']).status === 0;

/** A Redis of a test's own, with a folder that goes with it. */
export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
  /** Starts it again over what lies in its folder, at the same port. Default settings: as before. */
  start(settings?: readonly string[]): Promise<void>;
}

/** Starts a Redis that keeps nothing on disk unless its settings say so, such as `--appendonly yes`. */
export async function openTestRedis(settings: readonly string[] = []): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-redis-'));
  const port = await freePort();
  let server: ChildProcess | undefined;
  let given = settings;
  const kill = async () => {
    const ended = server?.exitCode === null ? once(server, 'exit') : undefined;
    server?.kill('SIGKILL');
    await ended;
  };
  const start = async (changed = given) => {
    given = changed;
    const own = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
    server = spawn('redis-server', [...own, '--databases', '256', ...given], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await untilReady(server);
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    kill,
    start,
    async [Symbol.asyncDispose]() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function untilReady({ stdout }: ChildProcess): Promise<void> {
  if (!stdout) throw new Error('it says nothing');
  const said: string[] = [];
  for await (const line of createInterface({ input: stdout })) {
    said.push(line);
    if (!line.includes('Ready to accept connections')) continue;
    stdout.resume();
    return;
  }
  throw new Error(`redis-server has ended: ${said.join('\n')}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
