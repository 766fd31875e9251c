import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { oneCoreFlags } from '@weir/kit/node-flags';

/** A process of Weir's. */
export interface WeirProcess extends AsyncDisposable {
  readonly pid: number;
  /** What it printed when it was up. */
  readonly welcome: string;
  /** The memory that it holds, in bytes. */
  rssBytes(): Promise<number>;
  /** Tells it to stop; resolves with its exit code when it is gone. */
  stop(): Promise<number | null>;
}

const root = new URL('../../../', import.meta.url).pathname;
const startMaxMs = 120_000;
const lookMs = 50;
const printedMaxChars = 100_000;

/** Starts a main of Weir's in a process of its own; resolves when it is up, by what it printed. */
export async function startWeir(
  main: string,
  env: NodeJS.ProcessEnv,
  up: RegExp | ((printed: string) => boolean | Promise<boolean>),
): Promise<WeirProcess> {
  const child = spawn(process.execPath, [...oneCoreFlags, join(root, main)], {
    cwd: root,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const isUp = (printed: string) => (typeof up === 'function' ? up(printed) : up.test(printed));
  let welcome = '';
  const read = (chunk: Buffer) => {
    if (welcome.length < printedMaxChars) welcome += chunk;
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const gone = once(child, 'exit') as Promise<[number | null]>;
  for (const end = performance.now() + startMaxMs; !(await isUp(welcome)); await sleep(lookMs)) {
    if (performance.now() < end && child.exitCode === null) continue;
    child.kill('SIGKILL');
    throw new Error(`${main} did not start: ${welcome.slice(-500)}`);
  }
  const pid = child.pid as number;
  return {
    pid,
    welcome,
    async rssBytes() {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024;
    },
    async stop() {
      child.kill('SIGTERM');
      return (await gone)[0];
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await gone;
    },
  };
}

/** A folder that goes in the end. */
export async function openFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'weir-trial-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
