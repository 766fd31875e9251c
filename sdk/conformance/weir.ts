import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '../..');

/** A Weir in a process of its own, with nothing in it. */
export interface RunningWeir extends AsyncDisposable {
  readonly url: string;
  /** Its administrator's key. */
  readonly key: string;
}

/** How long it may take to start, in milliseconds. */
const START_MAX_MS = 120_000;

/** Starts Weir as `npm start` does, on any free port. */
export async function startWeir(): Promise<RunningWeir> {
  await using stack = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'weir-conformance-'));
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  const child = spawn(process.execPath, ['standalone/src/main.ts', '--data', dataDir], {
    cwd: root,
    env: { ...process.env, WEIR_PORT: '0', WEIR_OPS_PORT: '0', WEIR_SIGN_IN_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  stack.defer(async () => {
    child.kill('SIGTERM');
    await closed;
  });
  const url = await Promise.race([
    addressOf(child.stdout),
    closed.then(() => Promise.reject(new Error('Weir ended before it was up'))),
    new Promise<never>((_, reject) => {
      const late = () => reject(new Error(`Weir was not up within ${START_MAX_MS} ms`));
      setTimeout(late, START_MAX_MS).unref();
    }),
  ]);
  const key = (await readFile(join(dataDir, 'admin.key'), 'utf8')).trim();
  const owned = stack.move();
  return { url, key, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function addressOf(output: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve) => {
    createInterface({ input: output }).on('line', (line) => {
      const [, url] = /callers +(\S+)/.exec(line) ?? [];
      if (url !== undefined) resolve(url);
    });
  });
}
