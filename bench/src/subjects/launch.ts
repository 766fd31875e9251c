import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { oneCoreFlags } from '@weir/kit/node-flags';
import { type GcAnswer, gcQuestion } from './gc-watch.ts';
import type { Announcement, Task } from './task.ts';

const limits = {
  startMs: 30_000,
  answerMs: 5_000,
  /** From SIGTERM to SIGKILL. */
  endMs: 2_000,
};

const gcWatch = new URL('./gc-watch.ts', import.meta.url);

/** A process of a subject that listens. */
export interface Launched extends Announcement, AsyncDisposable {
  /** What its collections took since the last time this was asked. */
  gc(): Promise<GcAnswer>;
}

/**
 * Starts the main.ts of a folder beside this file, on a core if one is named.
 *
 * @throws {Error} when it ends or is silent instead of listening.
 */
export async function launch(
  folder: string,
  task: Task,
  core: string | undefined,
): Promise<Launched> {
  const main = fileURLToPath(new URL(`./${folder}/main.ts`, import.meta.url));
  const node = [process.execPath, ...oneCoreFlags, '--import', gcWatch.href];
  const pinned = core === undefined ? node : ['taskset', '-c', core, ...node];
  const [command = '', ...args] = [...pinned, main, JSON.stringify(task)];
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const ended = endOf(child);
  try {
    const told = await Promise.race([announcementOf(child), ended.then(failed(folder))]);
    return {
      ...told,
      gc: () => askGc(child),
      [Symbol.asyncDispose]: () => end(child, ended, told.pids),
    };
  } catch (error) {
    await end(child, ended, []);
    throw error;
  }
}

/** Resolves with how it ended; never fails. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

function failed(folder: string): (how: string) => never {
  return (how) => {
    throw new Error(`${folder} did not start: ${how}`);
  };
}

async function announcementOf(child: ChildProcess): Promise<Announcement> {
  const lines = createInterface(child.stdout as Readable);
  const signal = AbortSignal.timeout(limits.startMs);
  const [line] = (await once(lines, 'line', { signal })) as [string];
  return JSON.parse(line) as Announcement;
}

async function askGc(child: ChildProcess): Promise<GcAnswer> {
  const answer = once(child, 'message', { signal: AbortSignal.timeout(limits.answerMs) });
  child.send(gcQuestion);
  const [told] = (await answer) as [GcAnswer];
  return told;
}

async function end(
  child: ChildProcess,
  ended: Promise<string>,
  pids: readonly number[],
): Promise<void> {
  child.kill('SIGTERM');
  const patience = setTimeout(() => {
    // Not only the process itself: it may stand for others.
    for (const pid of pids) tryKill(pid);
    child.kill('SIGKILL');
  }, limits.endMs);
  await ended;
  clearTimeout(patience);
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
