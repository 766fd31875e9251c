import { type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';

// Preloaded into every process that is measured (--import): answers the runner's question what
// collections took, and ends the process when the runner is gone.

/** The runner's question. */
export const gcQuestion = 'gc';

/** What collections took since the last question. */
export interface GcAnswer {
  readonly totalMs: number;
  readonly maxMs: number;
}

let totalMs = 0;
let maxMs = 0;

function add(entries: readonly PerformanceEntry[]): void {
  for (const { duration } of entries) {
    totalMs += duration;
    maxMs = Math.max(maxMs, duration);
  }
}

if (process.connected) {
  const observer = new PerformanceObserver((list) => add(list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  process.on('message', (message) => {
    if (message !== gcQuestion) return;
    add(observer.takeRecords());
    process.send?.({ totalMs, maxMs } satisfies GcAnswer);
    totalMs = 0;
    maxMs = 0;
  });
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
}
