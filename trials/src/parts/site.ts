import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A temporary folder for a topology, and somebody who cleans up if this process dies. */
export interface Site extends AsyncDisposable {
  readonly folder: string;
  /** The file that a part's output goes to. */
  logOf(name: string): string;
  /** A process was started: it is killed should this process die without doing so. */
  started(pid: number): void;
  /** A process has ended. */
  ended(pid: number): void;
  /** The folder stays when the site is closed, for somebody to look at. */
  keep(): void;
}

const guardFile = new URL('../guard/main.ts', import.meta.url).pathname;

/** Opens a site. Dispose of it last: its folder goes with it. */
export async function openSite(): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-trial-'));
  // PostgreSQL runs as another user, who must get to its part of the folder.
  await chmod(folder, 0o711);
  await mkdir(join(folder, 'logs'));
  const guard = startGuard(folder);
  let kept = false;
  return {
    folder,
    logOf: (name) => join(folder, 'logs', `${name}.log`),
    started: (pid) => void guard.stdin?.write(`+${pid}\n`),
    ended: (pid) => void guard.stdin?.write(`-${pid}\n`),
    keep: () => {
      kept = true;
    },
    async [Symbol.asyncDispose]() {
      guard.stdin?.end();
      if (!kept) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** In a session of its own, so that a Ctrl-C at a terminal does not reach it. */
function startGuard(folder: string): ChildProcess {
  const guard = spawn(process.execPath, [guardFile, folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.stdin?.on('error', () => {});
  guard.unref();
  return guard;
}
