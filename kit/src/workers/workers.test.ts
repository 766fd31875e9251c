import { Code } from '@connectrpc/connect';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { expect, test } from 'vitest';
import { WeirError } from '../errors.ts';
import { createLogger } from '../log.ts';
import { JobError, type JobFault } from './job-error.ts';
import type { TestJob } from './test-jobs.ts';
import { type JobOptions, openWorkers, type WorkersOptions } from './workers.ts';

const log = createLogger({ name: 'test', level: 'silent' });

function openPool(options: Partial<WorkersOptions> = {}) {
  const entry = new URL('./test-jobs.ts', import.meta.url);
  const limits = { threads: 1, queueMax: 8, timeoutMs: 5000, heapMaxMb: 32 };
  const workers = openWorkers({ entry, ...limits, log, ...options });
  return {
    run: (job: TestJob, more?: JobOptions) => workers.run<unknown>(job, more),
    [Symbol.asyncDispose]: () => workers[Symbol.asyncDispose](),
  };
}

async function faultOf(run: Promise<unknown>): Promise<JobFault | undefined> {
  const error = await run.catch((thrown: unknown) => thrown);
  return error instanceof JobError ? error.fault : undefined;
}

async function refusalOf(run: Promise<unknown>): Promise<WeirError> {
  const error = await run.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(WeirError);
  return error as WeirError;
}

test.each<[TestJob, JobFault, number]>([
  ['loop', 'time', 100],
  ['regex', 'time', 100],
  ['heap', 'memory', 20_000],
  ['map', 'memory', 20_000],
  ['recurse', 'stack', 5000],
  ['exit', 'crash', 5000],
  ['no-data', 'crash', 5000],
  ['throw-later', 'crash', 5000],
])(
  'a job that ends in %s is one of fault %s, and the next goes on',
  async (job, fault, timeoutMs) => {
    await using pool = openPool();
    const [ended, next] = await Promise.all([
      faultOf(pool.run(job, { timeoutMs })),
      pool.run('count'),
    ]);
    expect(ended).toBe(fault);
    expect(next).toBe(1);
  },
);

test('a job does not begin with what others have left in the heap', async () => {
  const heapMaxMb = 256;
  await using pool = openPool({ heapMaxMb });
  const used: unknown[] = [];
  for (let i = 0; i < 3; i += 1) {
    await pool.run('litter');
    used.push(await pool.run('heap-used'));
  }
  expect(Math.max(...used.map(Number))).toBeLessThan((heapMaxMb / 2) * 2 ** 20);
});

test('the loop of the process stays free while threads are busy', async () => {
  await using pool = openPool({ threads: 2 });
  const stuck = Promise.all([1, 2].map(() => faultOf(pool.run('loop', { timeoutMs: 300 }))));
  let turns = 0;
  const turn = setInterval(() => {
    turns += 1;
  }, 5);
  expect(await stuck).toEqual(['time', 'time']);
  clearInterval(turn);
  expect(turns).toBeGreaterThan(20);
});

test('a killed job takes no neighbour with it', async () => {
  await using pool = openPool({ threads: 2 });
  expect(await pool.run('count')).toBe(1);
  const stuck = faultOf(pool.run('loop', { timeoutMs: 100 }));
  const counts = await Promise.all([1, 2, 3, 4].map(() => pool.run('count')));
  expect(counts.every((count) => typeof count === 'number')).toBe(true);
  expect(await stuck).toBe('time');
});

test('a thread that was not killed is used again; a killed one is replaced', async () => {
  await using pool = openPool();
  expect(await pool.run('count')).toBe(1);
  expect(await pool.run('count')).toBe(2);
  expect(await faultOf(pool.run('recurse'))).toBe('stack');
  expect(await pool.run('count')).toBe(3);
  expect(await faultOf(pool.run('loop', { timeoutMs: 50 }))).toBe('time');
  expect(await pool.run('count')).toBe(1);
});

test('a refusal keeps its reason, and an error of the handler its text', async () => {
  await using pool = openPool();
  const refusal = await refusalOf(pool.run('refuse'));
  expect(refusal).toMatchObject({
    reason: Reason.INVALID_SCHEMA,
    code: Code.InvalidArgument,
    message: 'it is wrong',
    violations: [{ field: 'schema', description: 'is wrong' }],
    metadata: { at: 'schema' },
    retryDelayMs: 5,
  });
  await expect(pool.run('bug')).rejects.toThrow('a bug');
});

test('a full queue is refused at once, and says when to try again', async () => {
  await using pool = openPool({ queueMax: 2 });
  const first = faultOf(pool.run('loop', { timeoutMs: 500 }));
  const waiting = [pool.run('count'), pool.run('count')];
  const refusal = await refusalOf(pool.run('count'));
  expect(refusal.reason).toBe(Reason.OVERLOADED);
  expect(refusal.retryDelayMs).toBeGreaterThan(0);
  expect(await first).toBe('time');
  expect(await Promise.all(waiting)).toEqual([1, 2]);
});

test('one lane has all threads but one, and half of the queue', async () => {
  await using pool = openPool({ threads: 2, queueMax: 4 });
  const greedy = [1, 2, 3].map(() => faultOf(pool.run('loop', { timeoutMs: 1000, lane: 'a' })));
  const refusal = await refusalOf(pool.run('count', { lane: 'a' }));
  expect(refusal.reason).toBe(Reason.OVERLOADED);
  const order: string[] = [];
  await Promise.all([
    pool.run('count', { lane: 'b' }).then(() => order.push('b')),
    greedy[0]?.then(() => order.push('a')),
  ]);
  expect(order).toEqual(['b', 'a']);
  expect(await Promise.all(greedy)).toEqual(['time', 'time', 'time']);
});

test('a cancelled job is ended, whether it waits or runs', async () => {
  await using pool = openPool();
  const first = new AbortController();
  const second = new AbortController();
  const running = pool.run('loop', { signal: first.signal });
  const waiting = pool.run('count', { signal: second.signal });
  second.abort(new Error('gave up waiting'));
  await expect(waiting).rejects.toThrow('gave up waiting');
  first.abort(new Error('gave up'));
  await expect(running).rejects.toThrow('gave up');
  expect(await pool.run('count')).toBe(1);
  await expect(pool.run('count', { signal: first.signal })).rejects.toThrow('gave up');
});

test('a job that is taken back is not begun, or goes on to its end', async () => {
  await using pool = openPool();
  const back = new AbortController();
  const running = faultOf(pool.run('loop', { timeoutMs: 200, recall: back.signal }));
  const waiting = pool.run('count', { recall: back.signal });
  back.abort(new Error('nobody waits'));
  await expect(waiting).rejects.toThrow('nobody waits');
  expect(await running).toBe('time');
  expect(await pool.run('count')).toBe(1);
});

test('an entry that cannot be loaded fails its jobs, not the process', async () => {
  await using pool = openPool({ entry: new URL('./no-such-entry.ts', import.meta.url) });
  expect(await faultOf(pool.run('count'))).toBe('crash');
  expect(await faultOf(pool.run('count'))).toBe('crash');
});

test('a pool that ends refuses what waits and what runs', async () => {
  const pool = openPool();
  const refusals = [pool.run('loop'), pool.run('count')].map(refusalOf);
  await pool[Symbol.asyncDispose]();
  const reasons = (await Promise.all(refusals)).map(({ reason }) => reason);
  expect(reasons).toEqual([Reason.OVERLOADED, Reason.OVERLOADED]);
  expect((await refusalOf(pool.run('count'))).reason).toBe(Reason.OVERLOADED);
});
