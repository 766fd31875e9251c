import { Worker } from 'node:worker_threads';
import { SettingsError } from './settings.ts';

/** From the signal to the end of the process, at most; supervisors kill after 30 s. */
const closeMaxMs = 28_000;
/** How long after that the process is killed if even its event loop stands still. */
const killAfterMs = 1_000;
const exitCodes = { failed: 1, settings: 2 } as const;

/**
 * Runs a process: opens it, waits for SIGTERM or SIGINT, closes it within `endMaxMs`. Wrong settings
 * end it with one line and code 2, any other fault at start with one line and code 1. A second
 * signal, or a close that takes too long, ends it at once with code 1; whatever hangs, the process
 * is gone a second later.
 */
export async function runMain(
  open: (signal: AbortSignal) => Promise<AsyncDisposable>,
  endMaxMs: number = closeMaxMs,
): Promise<void> {
  const stop = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    stop.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  let late: NodeJS.Timeout | undefined;
  const onSignal = () => {
    if (stop.signal.aborted) giveUp('stopped by a second signal');
    stop.abort();
    // Neither an opening that hangs nor what was closed and still holds on keeps the process.
    late = setTimeout(giveUp, endMaxMs, `did not stop within ${endMaxMs / 1000} s`);
    killWhenStuck(endMaxMs + killAfterMs);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    const opened = await open(stop.signal);
    await stopped;
    await opened[Symbol.asyncDispose]();
  } catch (error) {
    if (!stop.signal.aborted || !isAbort(error)) report(error);
  } finally {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
    // It still watches over what was closed and does not let the process end.
    late?.unref();
  }
}

/** A loop that stands still runs no timer: another thread watches over it. */
function killWhenStuck(afterMs: number): void {
  const kill = `setTimeout(() => process.kill(process.pid, 'SIGKILL'), ${afterMs})`;
  new Worker(kill, { eval: true }).on('error', () => {}).unref();
}

function report(error: unknown): void {
  const text = error instanceof Error ? error.message || error.name : String(error);
  process.stderr.write(`weir: ${text.replaceAll(/\s*\n\s*/g, ' ')}\n`);
  process.exitCode = error instanceof SettingsError ? exitCodes.settings : exitCodes.failed;
}

/** Only when waiting has failed. */
function giveUp(text: string): never {
  process.stderr.write(`weir: ${text}\n`);
  process.exit(exitCodes.failed);
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
