import type { Logger } from '@weir/kit';
import { showHidden } from './hidden.ts';

const linesMax = 60;
const windowMs = 60_000;

/** Writes what a process says on standard error to the log: so many lines a minute. */
export function createStderrLog(log: Logger): (line: string) => void {
  let lines = 0;
  let sinceMs = Number.NEGATIVE_INFINITY;
  return (line) => {
    const nowMs = performance.now();
    if (nowMs - sinceMs > windowMs) {
      if (lines > linesMax) log.info(`${lines - linesMax} more lines of the process were left out`);
      lines = 0;
      sinceMs = nowMs;
    }
    lines += 1;
    if (lines <= linesMax) log.info({ stderr: showHidden(line) }, 'the process says');
  };
}
