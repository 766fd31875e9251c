import { SettingsError } from './settings.ts';

const closeMaxMs = 30_000;
const exitCodes = { failed: 1, settings: 2 } as const;

/**
 * Runs a process: opens it, waits for SIGTERM or SIGINT, closes it within 30 s. Wrong settings
 * end it with one line and code 2, any other fault at start with one line and code 1. A second
 * signal, or a close that takes too long, ends it at once with code 1.
 */
export async function runMain(
  open: (signal: AbortSignal) => Promise<AsyncDisposable>,
): Promise<void> {
  const stop = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    stop.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const onSignal = () => {
    if (stop.signal.aborted) giveUp('stopped by a second signal');
    stop.abort();
    // An opening that hangs must not keep the process.
    const seconds = closeMaxMs / 1000;
    setTimeout(giveUp, closeMaxMs, `did not stop within ${seconds} s`).unref();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    const opened = await open(stop.signal);
    await stopped;
    await close(opened);
  } catch (error) {
    if (!stop.signal.aborted || !isAbort(error)) report(error);
  } finally {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
  }
}

async function close(opened: AsyncDisposable): Promise<void> {
  const late = setTimeout(giveUp, closeMaxMs, `did not close within ${closeMaxMs / 1000} s`);
  try {
    await opened[Symbol.asyncDispose]();
  } finally {
    // It still watches over what was closed and does not let the process end.
    late.unref();
  }
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
