import { expect, it } from 'vitest';
import { openLoad } from './open-load.ts';
import { runJob } from './run-job.ts';
import { answerGrpc, countsOf, jobFor, openHttp2Peer } from './testing.ts';

it('sends as many calls as rate and time make, over all connections', async () => {
  const sessions = new Map<unknown, number>();
  await using peer = await openHttp2Peer((stream) => {
    sessions.set(stream.session, (sessions.get(stream.session) ?? 0) + 1);
    answerGrpc(stream);
  });
  const result = await runJob(
    jobFor(peer, {
      load: { kind: 'open', rate: 1_000 },
      ...{ connections: 3, warmupMs: 100, durationMs: 300 },
    }),
  );
  expect(countsOf(result)).toEqual({ sent: 300, ok: 300, errors: {} });
  expect(result.durationMs).toBeCloseTo(299, 6);
  expect(result.freshNext).toBe(400);
  expect(result.overTime.map(({ atMs, calls }) => [atMs, calls])).toEqual([
    [0, 100],
    [100, 100],
    [200, 100],
  ]);
  expect(sessions.size).toBe(3);
  expect(Math.min(...sessions.values())).toBeGreaterThan(50);
});

it('keeps as many calls under way as a closed loop wants', async () => {
  let now = 0;
  let most = 0;
  await using peer = await openHttp2Peer((stream) => {
    now++;
    most = Math.max(most, now);
    setTimeout(() => {
      now--;
      answerGrpc(stream);
    }, 10);
  });
  const result = await runJob(
    jobFor(peer, {
      load: { kind: 'closed', concurrency: 7 },
      ...{ connections: 3, warmupMs: 50, durationMs: 200 },
    }),
  );
  expect(most).toBe(7);
  expect(result.errors).toEqual({});
  expect(result.ok).toBe(result.sent);
  expect(result.generator.sendLagMaxMs).toBe(0);
});

it('does not omit the calls that a stalled server keeps waiting', async () => {
  let calls = 0;
  await using peer = await openHttp2Peer((stream) => {
    calls++;
    // This blocks the server, which lives in this process; the load goes on in its own.
    if (calls === 60) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    answerGrpc(stream);
  });
  await using load = await openLoad({ core: undefined });
  const rate = 200;
  const result = await load.run(jobFor(peer, { load: { kind: 'open', rate }, durationMs: 1_000 }));
  expect(countsOf(result)).toEqual({ sent: 200, ok: 200, errors: {} });
  expect(result.latency.maxMs).toBeGreaterThan(190);
  // Forty calls were due in the stall; thirty of them waited for longer than fifty milliseconds.
  const waited = result.latency.curve.filter(([percentile]) => percentile >= 86);
  expect(Math.min(...waited.map(([, ms]) => ms))).toBeGreaterThan(50);
});

it('gives calls up whose time is over, sent or not', async () => {
  await using narrow = await openHttp2Peer(() => {}, { settings: { maxConcurrentStreams: 3 } });
  const result = await runJob(jobFor(narrow, { timeoutMs: 100 }));
  expect(countsOf(result)).toEqual({ sent: 40, ok: 0, errors: { 'no answer': 40 } });
  const load = { kind: 'closed', concurrency: 2 } as const;
  const closed = await runJob(jobFor(narrow, { timeoutMs: 50, load }));
  expect(countsOf(closed)).toEqual({ sent: 2, ok: 0, errors: { 'no answer': 2 } });
});

it('counts an answer that came too late as none, and the calls after it', async () => {
  let calls = 0;
  await using peer = await openHttp2Peer((stream) => {
    if (++calls > 1) answerGrpc(stream);
    else setTimeout(() => answerGrpc(stream), 600);
  });
  const load = { kind: 'open', rate: 20 } as const;
  const result = await runJob(jobFor(peer, { timeoutMs: 400, durationMs: 1_000, load }));
  expect(countsOf(result)).toEqual({ sent: 20, ok: 19, errors: { 'no answer': 1 } });
});
