import type { LoadJob, LoadResult } from '../model.ts';
import { runJob } from './run-job.ts';

/** What the load process is told. */
export interface LoadOrder {
  readonly kind: 'run';
  readonly job: LoadJob;
}

/** What it answers. */
export type LoadReport =
  | { readonly kind: 'done'; readonly result: LoadResult }
  | { readonly kind: 'failed'; readonly text: string };

async function carryOut({ job }: LoadOrder): Promise<LoadReport> {
  try {
    return { kind: 'done', result: await runJob(job) };
  } catch (error) {
    return { kind: 'failed', text: error instanceof Error ? error.message : String(error) };
  }
}

// It ends by itself when the channel to the one who forked it is closed.
process.on('message', (order: LoadOrder) => {
  void carryOut(order).then((report) => process.send?.(report));
});
