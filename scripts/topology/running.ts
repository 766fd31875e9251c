import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import type { Service } from './compose.ts';
import type { Image } from './image.ts';
import { identity, type Place } from './place.ts';
import type { Program } from './programs.ts';

/** A service as a process. */
export interface Running {
  readonly service: Service;
  readonly place: Place;
  /** All that it has written, over all its starts. */
  readonly output: string;
  /** Whether it runs. */
  readonly isUp: boolean;
  start(): void;
  /**
   * Resolves once it is as a dependent service needs it. Throws with its output when it ends, and
   * what `alarm` throws.
   */
  reach(condition: 'up' | 'healthy' | 'completed', alarm?: () => void): Promise<void>;
  /** How it was stopped last; undefined: never yet, or it was killed. */
  readonly stopped: { readonly code: number | null; readonly late: boolean } | undefined;
  /** Stops it as an engine does: with a signal, and by force when that takes too long. */
  stop(): Promise<void>;
  /** Ends it at once. */
  kill(): Promise<void>;
  /** Runs a command beside it, with its settings, paths and rights. */
  exec(words: readonly string[], stdio: StdioOptions, env?: NodeJS.ProcessEnv): ChildProcess;
}

const POLL_MS = 100;
const REACH_MAX_MS = 60_000;

/** A service that can be started. */
export function createRunning(
  service: Service,
  { place, program, image }: { place: Place; program: Program; image: Image },
): Running {
  let child: ChildProcess | undefined;
  let output = '';
  let stopped: Running['stopped'];
  const options = () => ({ cwd: program.cwd, env: program.env, ...identity(program.user) });
  const isUp = () => child !== undefined && child.exitCode === null && child.signalCode === null;
  const check = service.healthcheck ?? (service.image === undefined ? image.healthcheck : false);

  const exec: Running['exec'] = ([word = '', ...rest], stdio, env = {}) => {
    const { env: own, ...more } = options();
    return spawn(word, rest.map(place.word), { ...more, env: { ...own, ...env }, stdio });
  };
  const isHealthy = async () => {
    if (!check) return isUp();
    const [code] = await once(exec(check, 'ignore'), 'close');
    return code === 0;
  };
  const ended = async (from: ChildProcess) => {
    if (from.exitCode === null && from.signalCode === null) await once(from, 'exit');
  };
  return {
    service,
    place,
    exec,
    get output() {
      return output;
    },
    get isUp() {
      return isUp();
    },
    get stopped() {
      return stopped;
    },
    start() {
      program.prepare();
      const [word = '', ...rest] = program.words;
      child = spawn(word, rest, { ...options(), stdio: ['ignore', 'pipe', 'pipe'] });
      child.on('error', (error) => {
        output += `${error.message}\n`;
      });
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on('data', (chunk) => {
          output += chunk;
        });
      }
    },
    async reach(condition, alarm = () => {}) {
      const end = performance.now() + REACH_MAX_MS;
      while (performance.now() < end) {
        if (condition === 'completed' ? child?.exitCode === 0 : isUp() && condition === 'up')
          return;
        if (!isUp()) break;
        alarm();
        if (condition === 'healthy' && (await isHealthy())) return;
        await setTimeout(POLL_MS);
      }
      throw new Error(`${service.name} is not ${condition}; it said:\n${output.slice(-4000)}`);
    },
    async stop() {
      if (!child || !isUp()) return;
      let late = false;
      const stopping = child;
      const timer = globalThis.setTimeout(() => {
        late = true;
        stopping.kill('SIGKILL');
      }, service.stopGraceMs);
      stopping.kill(program.stopSignal);
      await ended(stopping);
      clearTimeout(timer);
      stopped = { code: stopping.exitCode, late };
    },
    async kill() {
      child?.kill('SIGKILL');
      if (child) await ended(child);
    },
  };
}
