import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Site } from './site.ts';

/** How a part is run. */
export interface PartSpec {
  /** What it is called, in the log and the summary. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The user that it runs as. Absent: this process's. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** Answers the messages of a part that is a Node process. Absent: there is no channel. */
  readonly onMessage?: (message: unknown, reply: (message: object) => void) => void;
}

/** An end that nobody asked for. */
export interface Crash {
  readonly part: string;
  /** What it last wrote. */
  readonly lastWords: string;
  readonly how: string;
}

/** A process that can be killed, stopped and brought back. */
export interface Part extends AsyncDisposable {
  readonly name: string;
  /** The process, while there is one. */
  readonly pid: number | undefined;
  /** Ends that nobody asked for; it was started again after each. */
  readonly crashes: readonly Crash[];
  /** Starts it; from now on it is started again whenever it ends by itself. */
  start(): void;
  /** Ends it with all its children; resolves when it is gone. */
  kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** Stops it with all its children, as a machine that hangs. */
  freeze(): void;
  /** Lets it go on. */
  thaw(): void;
}

type State = { readonly kind: 'down' } | { readonly kind: 'up'; readonly child: ChildProcess };

const RESPAWN_MS = 500;
const LAST_WORDS_MAX_CHARS = 300;

/** Prepares a part; it is not started yet. */
export function createPart(site: Site, spec: PartSpec): Part {
  const crashes: Crash[] = [];
  let state: State = { kind: 'down' };
  let wanted = false;
  let respawn: NodeJS.Timeout | undefined;

  function start(): void {
    wanted = true;
    clearTimeout(respawn);
    if (state.kind === 'up') return;
    const child = launch(site, spec);
    state = { kind: 'up', child };
    const { pid } = child;
    if (pid !== undefined) site.started(pid);
    child.once('error', (error) => onEnd(`did not start: ${error.message}`));
    child.once('exit', (code, signal) => onEnd(signal ?? `exit code ${code}`));

    function onEnd(how: string): void {
      if (state.kind !== 'up' || state.child !== child) return;
      if (pid !== undefined) site.ended(pid);
      state = { kind: 'down' };
      if (!wanted) return;
      crashes.push({ part: spec.name, how, lastWords: lastWords(site.logOf(spec.name)) });
      respawn = setTimeout(start, RESPAWN_MS);
    }
  }

  async function kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    wanted = false;
    clearTimeout(respawn);
    if (state.kind !== 'up') return;
    const { child } = state;
    const gone = once(child, 'exit');
    if (signal === 'SIGKILL') signalAll(child.pid, signal);
    else child.kill(signal);
    await gone;
  }

  return {
    name: spec.name,
    get pid() {
      return state.kind === 'up' ? state.child.pid : undefined;
    },
    crashes,
    start,
    kill,
    freeze: () => state.kind === 'up' && signalAll(state.child.pid, 'SIGSTOP'),
    thaw: () => state.kind === 'up' && signalAll(state.child.pid, 'SIGCONT'),
    [Symbol.asyncDispose]: () => kill(),
  };
}

function launch(site: Site, spec: PartSpec): ChildProcess {
  const log = openSync(site.logOf(spec.name), 'a');
  const { onMessage } = spec;
  const child = spawn(spec.command, [...spec.args], {
    cwd: site.folder,
    // Not this process's own settings.
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', ...spec.env },
    detached: true,
    stdio: ['ignore', log, log, ...(onMessage ? (['ipc'] as const) : [])],
    ...spec.user,
  });
  closeSync(log);
  const reply = (message: object) => void (child.connected && child.send(message, () => {}));
  if (onMessage) child.on('message', (message) => onMessage(message, reply));
  return child;
}

/** Signals a process and its children: parent first, so that it starts no others meanwhile. */
function signalAll(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  if (signal === 'SIGKILL') send(pid, 'SIGSTOP');
  else send(pid, signal);
  for (const child of childrenOf(pid)) send(child, signal);
  if (signal === 'SIGKILL') send(pid, signal);
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function lastWords(log: string): string {
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
  return (lines.at(-1) ?? '').slice(0, LAST_WORDS_MAX_CHARS);
}
