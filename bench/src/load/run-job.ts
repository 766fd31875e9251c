import type { LoadJob, LoadResult } from '../model.ts';
import { judgeOf } from './judge.ts';
import { openPool, type Pool } from './pool.ts';
import { runClosed } from './run-closed.ts';
import { runOpen } from './run-open.ts';
import { Sender } from './sender.ts';
import { Verdicts } from './verdicts.ts';

const readBytes = 256 * 1024;
const sweepMs = 20;

/** Sends a job's calls and tells what came of them. Throws when no connection can be opened. */
export async function runJob(job: LoadJob): Promise<LoadResult> {
  const { host, port, connections, load, traffic } = job;
  const intake = { buffer: new Uint8Array(readBytes), bytesRead: 0 };
  const sender = new Sender(job, intake);
  await using pool = await openPool({
    ...{ host, port, connections, intake, events: sender },
    concurrency: load.kind === 'closed' ? load.concurrency : 0,
    judge: judgeOf(traffic.protocol),
    verdicts: new Verdicts(),
  });
  using _sweeps = sweep(pool, job.timeoutMs);
  if (load.kind === 'open') await runOpen(sender, pool, load.rate);
  else await runClosed(sender, pool);
  await sender.drain();
  return {
    ...sender.tally.result(),
    generator: sender.meter.result(),
    bytesRead: sender.meter.bytesRead,
    freshNext: sender.requests.freshNext,
  };
}

/** Gives up calls whose time is over, now and then. */
function sweep(pool: Pool, timeoutMs: number): Disposable {
  const timer = setInterval(() => {
    pool.expire(performance.now() - timeoutMs);
    pool.turn();
  }, sweepMs);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
    },
  };
}
