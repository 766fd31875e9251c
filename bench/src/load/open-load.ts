import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { nodeFlags } from '@weir/kit/node-flags';
import type { LoadJob, LoadResult } from '../model.ts';
import type { LoadOrder, LoadReport } from './main.ts';

/** A process that loads others. */
export interface LoadProcess extends AsyncDisposable {
  readonly pid: number;
  /** Runs a job, one at a time. Throws when no connection can be opened, or when the process ends. */
  run(job: LoadJob): Promise<LoadResult>;
}

/** Starts the process, on a core of its own when one is named and the system lets us choose. */
export async function openLoad({ core }: { core: string | undefined }): Promise<LoadProcess> {
  const child = start(core);
  await once(child, 'spawn');
  const gone = once(child, 'exit');
  return {
    pid: child.pid as number,
    async run(job) {
      const order: LoadOrder = { kind: 'run', job };
      child.send(order);
      const report = await nextReport(child);
      if (report.kind === 'failed') throw new Error(`load: ${report.text}`);
      return report.result;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

function start(core: string | undefined): ChildProcess {
  const main = new URL('./main.ts', import.meta.url);
  const pinned = core !== undefined && canPin();
  return fork(main, {
    serialization: 'advanced',
    ...(pinned
      ? { execPath: 'taskset', execArgv: ['-c', core, process.execPath, ...nodeFlags] }
      : { execArgv: [...nodeFlags] }),
  });
}

function canPin(): boolean {
  return spawnSync('taskset', ['-V']).status === 0;
}

async function nextReport(child: ChildProcess): Promise<LoadReport> {
  const over = new AbortController();
  const { signal } = over;
  try {
    return await Promise.race([
      once(child, 'message', { signal }).then(([report]) => report as LoadReport),
      once(child, 'exit', { signal }).then(([code, by]) => {
        throw new Error(`the load process has ended: ${code ?? by}`);
      }),
    ]);
  } finally {
    over.abort();
  }
}
