import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../parts/quantile.ts';
import { answerOne, endWith, openSubject, openWireProvider, type Subject } from './bad-subject.ts';
import type { Measured, Promised } from './promise.ts';

/** The first is no worse than what it is compared with: its ratios show how far they scatter. */
const KINDS = ['good', 'silent', 'garbage', 'unavailable', 'flood', 'slow'] as const;
const RATE = 100;
const NEIGHBOUR_RATE = 20;
const ROUNDS = 16;
const ROUND_MS = 1_000;
const FAILURES_MAX = 5;

interface Round {
  readonly okMs: number[];
  lost: number;
}

/** Fetches from a good provider beside fetches from another, which is good and bad in turns. */
export const p13: Promised = {
  id: 'P13',
  says: 'one bad provider: the others lose no call, and hardly any time; its breaker opens',
  async measure(signal) {
    await using subject = await openSubject();
    await using good = await openWireProvider((stream) => answerOne(stream));
    await using other = await openWireProvider((stream) => answerOne(stream));
    const goodType = await subject.introduce(good.url);
    const otherType = await subject.introduce(other.url);
    const figures: Measured[] = [await failuresToOpen(subject, signal)];
    for (const kind of KINDS) {
      figures.push(...(await beside(subject, { goodType, otherType, kind }, signal)));
    }
    return figures;
  },
};

async function beside(
  subject: Subject,
  { goodType, otherType, kind }: { goodType: string; otherType: string; kind: string },
  signal: AbortSignal,
): Promise<Measured[]> {
  await using bad = await forkBadProvider(kind);
  const badType = await subject.introduce(
    bad.url,
    'timeout: 1s\nlimits: { responseBytes: 8388608 }',
  );
  const alone: Round = { okMs: [], lost: 0 };
  const together: Round = { okMs: [], lost: 0 };
  const round = async (neighbour: string, into: Round) => {
    const ignored: Round = { okMs: [], lost: 0 };
    await Promise.all([
      load(subject, goodType, RATE, into, signal),
      load(subject, neighbour, NEIGHBOUR_RATE, ignored, signal),
    ]);
  };
  await round(otherType, { okMs: [], lost: 0 });
  for (let i = 0; i < ROUNDS; i++) {
    await round(otherType, alone);
    await round(badType, together);
  }
  const ratio = (share: number) => quantile(together.okMs, share) / quantile(alone.okMs, share);
  return [
    { figure: `${kind}: calls of others lost`, value: together.lost, unit: 'count', limit: 0 },
    { figure: `${kind}: calls lost beside a good one`, value: alone.lost, unit: 'count' },
    { figure: `${kind}: calls of others answered`, value: together.okMs.length, unit: 'count' },
    { figure: `${kind}: p50 of others`, value: quantile(together.okMs, 0.5), unit: 'ms' },
    { figure: `${kind}: p99 of others`, value: quantile(together.okMs, 0.99), unit: 'ms' },
    {
      figure: `${kind}: p50 of others, to that beside a good one`,
      value: ratio(0.5),
      unit: 'ratio',
      ...(kind !== 'good' && { limit: 1.1 }),
    },
    {
      figure: `${kind}: p99 of others, to that beside a good one`,
      value: ratio(0.99),
      unit: 'ratio',
      ...(kind !== 'good' && { limit: 1.5 }),
    },
  ];
}

let keys = 0;

/** Calls at a fixed rate for a round, whatever becomes of those before; times from when due. */
async function load(
  { router }: Subject,
  type: string,
  rate: number,
  round: Round,
  signal: AbortSignal,
): Promise<void> {
  const startMs = performance.now();
  const calls: Promise<void>[] = [];
  for (let i = 0; i < (rate * ROUND_MS) / 1000; i++) {
    const dueMs = startMs + (i * 1000) / rate;
    await sleep(Math.max(0, dueMs - performance.now()), undefined, { signal });
    calls.push(call(dueMs));
  }
  await Promise.all(calls);

  async function call(dueMs: number): Promise<void> {
    const request = { refs: [{ type, key: `k${++keys}` }] };
    const answer = await router.fetchContext(request, { signal, timeoutMs: 5_000 }).catch(() => {});
    if (answer?.results[0]?.outcome.case === 'item') round.okMs.push(performance.now() - dueMs);
    else round.lost++;
  }
}

/** How many calls a provider that always fails gets before it is left alone. */
async function failuresToOpen(
  { introduce, router }: Subject,
  signal: AbortSignal,
): Promise<Measured> {
  let calls = 0;
  await using provider = await openWireProvider((stream) => {
    calls++;
    endWith(stream, '13');
  });
  const type = await introduce(provider.url);
  for (let i = 0; i < 4 * FAILURES_MAX; i++) {
    await router.fetchContext({ refs: [{ type, key: `open${i}` }] }, { signal });
  }
  return {
    figure: 'failures until the breaker opens',
    value: calls,
    unit: 'count',
    limit: FAILURES_MAX,
  };
}

/** Starts a bad provider in a process of its own, so that its work is not the measurement's. */
async function forkBadProvider(kind: string): Promise<{ url: string } & AsyncDisposable> {
  const child: ChildProcess = fork(new URL('./bad-provider.ts', import.meta.url), [kind]);
  const gone = once(child, 'exit');
  const [url] = (await once(child, 'message')) as [string];
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
