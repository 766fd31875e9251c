import type { Logger } from '../log.ts';

/** Lines about callers that nobody was let in for, in a second. */
export const strangerLinesPerSecond = 100;
const secondMs = 1_000;

/** Keeps those whom nobody knows from filling the log. */
export interface FewLines {
  /** Writes a line, or counts it when there were too many in this second. */
  write(line: () => void): void;
}

/** Creates a bound of lines; how many were left out is told once a second, in a line of its own. */
export function createFewLines(log: Logger, text: string): FewLines {
  let written = 0;
  let leftOut = 0;
  let counting = false;
  const nextSecond = () => {
    counting = false;
    if (leftOut > 0) log.warn({ leftOut }, text);
    written = 0;
    leftOut = 0;
  };
  return {
    write(line) {
      if (!counting) setTimeout(nextSecond, secondMs).unref();
      counting = true;
      if (written >= strangerLinesPerSecond) {
        leftOut += 1;
        return;
      }
      written += 1;
      line();
    },
  };
}
