import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { refuse } from '../errors.ts';

// Jobs for the tests of the pool: each does for real what hostile input makes a job do.

let done = 0;

/** What the jobs are called. */
export type TestJob =
  | 'count'
  | 'loop'
  | 'regex'
  | 'heap'
  | 'map'
  | 'litter'
  | 'heap-used'
  | 'recurse'
  | 'exit'
  | 'throw-later'
  | 'refuse'
  | 'bug'
  | 'no-data';

/** Does one of them. */
export async function doJob(job: TestJob): Promise<unknown> {
  switch (job) {
    case 'count':
      done += 1;
      return done;
    case 'loop':
      for (;;);
    case 'regex':
      return /^(a+)+$/.test(`${'a'.repeat(60)}!`);
    case 'heap':
      for (const held: unknown[] = []; ; ) held.push(new Array(1000).fill({ job }));
    case 'map':
      for (const held = new Map<number, unknown>(); ; ) held.set(held.size, job);
    case 'litter':
      return Array.from({ length: 2_000_000 }, (_, i) => ({ i })).length;
    case 'heap-used':
      return process.memoryUsage().heapUsed;
    case 'recurse':
      return deep(0);
    case 'exit':
      return process.exit(3);
    case 'throw-later':
      setImmediate(() => {
        throw new Error('thrown later');
      });
      return new Promise(() => {});
    case 'refuse':
      throw refuse(Reason.INVALID_SCHEMA, 'it is wrong', {
        violations: [{ field: 'schema', description: 'is wrong' }],
        metadata: { at: 'schema' },
        retryDelayMs: 5,
      });
    case 'bug':
      throw new TypeError('a bug');
    case 'no-data':
      return () => done;
    default:
      throw new Error(`no such job: ${job satisfies never}`);
  }
}

function deep(level: number): number {
  return deep(level + 1) + 1;
}
