import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';

// Elsewhere threads have no niceness of their own.
it.runIf(process.platform === 'linux')('a thread alone goes behind the others', async () => {
  const worker = new Worker(
    `import { runBehind } from ${JSON.stringify(new URL('./run-behind.ts', import.meta.url).href)};
    import { readFileSync } from 'node:fs';
    import { parentPort } from 'node:worker_threads';
    runBehind();
    parentPort.postMessage(readFileSync('/proc/thread-self/stat', 'utf8'));`,
    { eval: true, execArgv: ['--input-type=module'] },
  );
  const [stat] = (await once(worker, 'message')) as [string];
  expect([nicenessOf(stat), nicenessOf(readFileSync('/proc/thread-self/stat', 'utf8'))]).toEqual([
    ...[10, 0],
  ]);
  await worker.terminate();
});

/** The 19th field of proc_pid_stat(5), the 17th after the name in parentheses. */
function nicenessOf(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
}
