import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { basename } from 'node:path';

/**
 * Has this thread go after the others where cores are short: it gets a tenth of what they do of a
 * core that they want at once. Linux alone gives each thread a niceness (setpriority(2)); elsewhere,
 * and where it is forbidden, all stays as it is.
 */
export function runBehind(): void {
  if (process.platform !== 'linux') return;
  try {
    const thread = Number(basename(readlinkSync('/proc/thread-self')));
    setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It is no worse off than before, and nor are the others.
  }
}
