import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { announce, readTask, upstreamOf } from './task.ts';

// Runs a proxy that is no Node process: writes its settings, and ends it in its turn.

/** A proxy of the system. */
export interface Binary {
  readonly command: string;
  /** How many processes it is. */
  readonly processes: number;
  /** Its arguments; `folder` holds its settings in the file `proxy.conf`. */
  args(folder: string): readonly string[];
  /** Its settings; `upstream` is "host:port". */
  settings(at: {
    readonly folder: string;
    readonly port: number;
    readonly upstream: string;
  }): string;
}

const limits = { startMs: 5_000, lookMs: 10, endMs: 1_000 };
/** Where Debian puts servers; not in everybody's PATH. */
const serverFolders = ['/usr/sbin', '/usr/local/sbin'];

/** Where a command is; undefined: it is not installed. */
export function findCommand(command: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...serverFolders];
  return folders.map((folder) => join(folder, command)).find((path) => existsSync(path));
}

/** Runs it until this process is told to end. */
export async function runBinary(binary: Binary): Promise<void> {
  await run(binary);
  // The channel to the runner would keep this process.
  if (process.connected) process.disconnect();
}

async function run(binary: Binary): Promise<void> {
  // For good: a second signal must not keep this from ending what it started.
  const stopped = new Promise<void>((resolve) => process.on('SIGTERM', () => resolve()));
  await using folder = await openFolder();
  const port = await freePort();
  const upstream = new URL(upstreamOf(readTask())).host;
  const settings = binary.settings({ folder: folder.path, port, upstream });
  await writeFile(join(folder.path, 'proxy.conf'), settings);
  await using running = openProcess(binary, folder.path);
  const failed = running.ended.then((how) => {
    throw new Error(`${binary.command} ended: ${how}`);
  });
  await Promise.race([accepts(port), failed, stopped]);
  announce(port, await familyOf(running.pid, binary.processes));
  await Promise.race([stopped, failed]);
}

function openProcess(binary: Binary, folder: string) {
  const child: ChildProcess = spawn(
    findCommand(binary.command) ?? binary.command,
    [...binary.args(folder)],
    {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  return {
    pid: child.pid ?? 0,
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      const patience = setTimeout(() => child.kill('SIGKILL'), limits.endMs);
      await ended;
      clearTimeout(patience);
    },
  };
}

async function openFolder() {
  const path = await mkdtemp(join(tmpdir(), 'weir-bench-proxy-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function accepts(port: number): Promise<void> {
  for (const end = performance.now() + limits.startMs; performance.now() < end; ) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await sleep(limits.lookMs);
  }
  throw new Error(`nothing listens on port ${port}`);
}

/** The process and its children: connections are taken before the children are there. */
async function familyOf(pid: number, processes: number): Promise<number[]> {
  for (const end = performance.now() + limits.startMs; performance.now() < end; ) {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    const family = [pid, ...children.split(' ').filter(Boolean).map(Number)];
    if (family.length >= processes) return family;
    await sleep(limits.lookMs);
  }
  throw new Error(`process ${pid} has not become ${processes}`);
}
