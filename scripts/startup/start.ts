import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { nodeFlags } from '@weir/kit/node-flags';
import { createWeir } from '@weir/sdk';

/** When a process had come how far, in milliseconds from its spawn, and what it took. */
export interface Marks {
  /** It takes connections of callers. */
  readonly listening: number;
  /** /readyz says yes. */
  readonly ready: number;
  /** It answered a FetchContext with the item. */
  readonly answered: number;
  /** It printed where it is; only a whole Weir does. */
  readonly told?: number | undefined;
  /** Time of processors that it had taken when it answered: what other programs do matters less to it. */
  readonly cpuMs: number;
  /** Memory of the process once it had answered. */
  readonly rssMb: number;
}

/** A process that is started, and asked until it answers. */
export interface Program {
  /** Its file, from the root of the project. */
  readonly main: string;
  /** Its settings; without WEIR_PORT it gets a free one. */
  readonly env: Readonly<Record<string, string>>;
  /** What it is asked for, and with whose key, which may be there only after a while. */
  readonly ref: string;
  readonly keyFile: string;
  /** How it tells that it is up, if it does. */
  readonly says?: RegExp | undefined;
}

/** A process that has answered. */
export interface Started {
  readonly marks: Marks;
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

export const root = join(import.meta.dirname, '../..');

const LOOK_EVERY_MS = 5;
const GIVE_UP_AFTER_MS = 60_000;
const CALL_TIMEOUT_MS = 5_000;
const TICK_MS = 10; // of /proc, on all systems that Node supports

/** Starts a program and waits until it has answered. Throws when it has not within a minute. */
export async function start(program: Program): Promise<Started> {
  const port = Number(program.env.WEIR_PORT ?? (await freePort()));
  const opsPort = await freePort();
  const startedAt = performance.now();
  const child = spawnProgram(program, { WEIR_PORT: String(port), WEIR_OPS_PORT: String(opsPort) });
  const since = () => performance.now() - startedAt;
  const until: Until = async (holds) => {
    while (!(await holds())) {
      if (child.exitCode !== null) throw new Error(`it ended with code ${child.exitCode}`);
      if (since() > GIVE_UP_AFTER_MS) throw new Error('it did not answer in time');
      await pause(LOOK_EVERY_MS);
    }
    return since();
  };
  try {
    const told = program.says && line(child, program.says).then(since);
    const listening = await until(() => takesConnections(port));
    const answering = firstAnswer(program, port, until);
    const [ready, answered] = await Promise.all([until(() => isReady(opsPort)), answering]);
    const marks = { listening, ready, answered, ...taken(child), told: await told };
    return { marks, stop: (signal = 'SIGTERM') => stop(child, signal) };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

/** Waits until something holds. Returns when that was, in milliseconds from the spawn. */
type Until = (holds: () => Promise<boolean>) => Promise<number>;

function spawnProgram({ main, env }: Program, ports: Readonly<Record<string, string>>) {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('WEIR_'));
  return spawn(process.execPath, [...nodeFlags, main], {
    cwd: root,
    env: { ...Object.fromEntries(inherited), ...ports, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function stop(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

async function firstAnswer({ ref, keyFile }: Program, port: number, until: Until): Promise<number> {
  await until(async () => readKey(keyFile) !== undefined);
  const url = `http://127.0.0.1:${port}`;
  const key = readKey(keyFile) ?? '';
  const weir = createWeir({ url, key, retries: 0, timeoutMs: CALL_TIMEOUT_MS });
  try {
    return await until(async () => {
      const outcomes = await weir.fetch([ref]).catch(() => []);
      return outcomes[0]?.ok === true;
    });
  } finally {
    weir.close();
  }
}

/** What a key file holds, once it is there. */
export function readKey(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

async function line(child: ChildProcess, says: RegExp): Promise<void> {
  if (child.stdout === null) return;
  for await (const text of createInterface({ input: child.stdout })) if (says.test(text)) break;
  child.stdout.resume();
}

async function takesConnections(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function isReady(opsPort: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${opsPort}/readyz`).catch(() => undefined);
  await answer?.arrayBuffer();
  return answer?.status === 200;
}

/** A port that was free just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('there is no free port');
  return address.port;
}

/** What a process has taken so far, as Linux tells it. */
function taken({ pid }: ChildProcess): Pick<Marks, 'cpuMs' | 'rssMb'> {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command, second and in brackets, may hold spaces; user and system time are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { cpuMs: ticks * TICK_MS, rssMb: Number(kilobytes) / 1024 };
}
