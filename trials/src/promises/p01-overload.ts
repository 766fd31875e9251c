import { setTimeout as sleep } from 'node:timers/promises';
import { type LoadProcess, openLoad } from '@weir/bench/load/open-load';
import type { Load, LoadResult, Traffic } from '@weir/bench/model';
import { choosePins } from '@weir/bench/run/machine';
import { countOf } from '@weir/bench/run/results';
import { untilAborted } from '@weir/bench/run/until-aborted';
import { bodyOf, fetchPath } from '@weir/bench/traffic';
import { createWeir } from '@weir/sdk';
import { openFolder, startWeir, type WeirProcess } from '../load/weir-process.ts';
import { freePort } from '../parts/ports.ts';
import type { Measured, Promised } from './promise.ts';

const host = '127.0.0.1';
const warmupMs = 2_000;
const timeoutMs = 10_000;
const capacityMs = 4_000;
const unloadedMs = 6_000;
const overloadMs = 10_000;
const recoveryMs = 5_000;
const closedLoopCalls = 16;
/** So many that the streams of all hold what comes in a tenth of a second: else calls would wait in the load. */
const connections = 64;
/** Of the capacity: far from any queue. */
const unloadedShare = 0.3;
const memoryLookMs = 100;

interface Case {
  readonly name: string;
  readonly refs: number;
  /** How many times the capacity is offered. */
  readonly factor: number;
}

const cases: readonly Case[] = [
  { name: 'batch of 128', refs: 128, factor: 4 },
  { name: 'single warm fetch', refs: 1, factor: 2 },
];

/** P1: what is admitted under overload is as quick as ever, and the rest is told at once. */
export const p01: Promised = {
  id: 'P1',
  says: 'Overload: admitted calls keep their p99 within 2x, a refusal takes 50 ms at most, memory stays within 1.5x, all is normal 5 s after',
  async measure(signal) {
    await using folder = await openFolder();
    await using site = await openSite(folder.path);
    await using load = await openLoad({ core: choosePins().others });
    const measured: Measured[] = [];
    for (const each of cases) {
      measured.push(...(await measureCase(site, each, { load, signal })));
    }
    return measured;
  },
};

interface Site extends AsyncDisposable {
  readonly weir: WeirProcess;
  readonly port: number;
  readonly key: string;
}

async function openSite(dataDir: string): Promise<Site> {
  const port = await freePort();
  const weir = await startWeir(
    'standalone/src/main.ts',
    {
      WEIR_PORT: String(port),
      WEIR_OPS_PORT: String(await freePort()),
      WEIR_DATA_DIR: dataDir,
      WEIR_LOG_LEVEL: 'warn',
    },
    /try, in another shell/,
  );
  const key = /weir_\S+/.exec(weir.welcome)?.[0] ?? '';
  return {
    ...{ weir, key, port },
    [Symbol.asyncDispose]: () => weir[Symbol.asyncDispose](),
  };
}

async function measureCase(
  site: Site,
  { name, refs, factor }: Case,
  { load, signal }: { load: LoadProcess; signal: AbortSignal },
): Promise<Measured[]> {
  const traffic = await trafficOf(site, refs);
  const put = async (how: Load, durationMs: number) => {
    const times = { warmupMs, durationMs, timeoutMs };
    const job = { host, port: site.port, connections, traffic, load: how, ...times, freshFrom: 0 };
    return withMemory(site.weir, () => untilAborted(load.run(job), signal));
  };
  const at = (rate: number, durationMs: number) => put({ kind: 'open', rate }, durationMs);
  const full = await put({ kind: 'closed', concurrency: closedLoopCalls }, capacityMs);
  const capacity = full.callsPerSecond;
  const before = await at(capacity * unloadedShare, unloadedMs);
  const during = await at(capacity * factor, overloadMs);
  await sleep(recoveryMs, undefined, { signal });
  const after = await at(capacity * unloadedShare, unloadedMs);

  const p99 = ({ latency }: LoadResult) => latency.p99Ms;
  const of = (figure: string) => `${name}, ${factor}x: ${figure}`;
  const count = (value: number) => ({ value, unit: 'count' as const });
  const perSecond = (calls: number) => count((calls * 1000) / overloadMs);
  return [
    { figure: of('calls a second at capacity'), ...count(capacity) },
    { figure: of('calls a second admitted'), ...perSecond(during.ok) },
    { figure: of('calls a second refused'), ...perSecond(refusalsOf(during)) },
    { figure: of('p99 unloaded'), value: p99(before), unit: 'ms' },
    { figure: of('p99 of the admitted'), value: p99(during), unit: 'ms' },
    {
      figure: of('p99 of the admitted, to unloaded'),
      value: p99(during) / p99(before),
      unit: 'ratio',
      limit: 2,
    },
    {
      figure: of('p99 of a refusal'),
      value: during.refusedLatency?.p99Ms ?? Number.NaN,
      unit: 'ms',
      limit: 50,
    },
    {
      figure: of('slowest refusal'),
      value: during.refusedLatency?.maxMs ?? Number.NaN,
      unit: 'ms',
    },
    {
      figure: of('p99 of how late the load itself was'),
      value: during.generator.sendLagP99Ms,
      unit: 'ms',
    },
    {
      figure: of('memory, to unloaded'),
      value: during.rssBytes / before.rssBytes,
      unit: 'ratio',
      limit: 1.5,
    },
    {
      figure: of('other errors'),
      ...count([before, during, after].reduce((sum, each) => sum + otherErrorsOf(each), 0)),
      limit: 0,
    },
    { figure: of('5 s after: refused'), ...count(refusalsOf(after)), limit: 0 },
    {
      figure: of('5 s after: p99, to unloaded'),
      value: p99(after) / p99(before),
      unit: 'ratio',
      limit: 2,
    },
  ];
}

function refusalsOf({ refusedLatency }: LoadResult): number {
  return refusedLatency?.count ?? 0;
}

function otherErrorsOf(result: LoadResult): number {
  return countOf(result.errors) - refusalsOf(result);
}

/** What a load ended with, and the most memory that the process held meanwhile. */
async function withMemory(
  weir: WeirProcess,
  run: () => Promise<LoadResult>,
): Promise<LoadResult & { readonly rssBytes: number }> {
  let rssBytes = 0;
  const looking = setInterval(() => {
    void weir.rssBytes().then((now) => {
      rssBytes = Math.max(rssBytes, now);
    });
  }, memoryLookMs);
  try {
    return { ...(await run()), rssBytes };
  } finally {
    clearInterval(looking);
  }
}

/** Fetches of so many refs that are there, over and over again where there are fewer; they are cached. */
async function trafficOf({ port, key }: Site, count: number): Promise<Traffic> {
  const client = createWeir({ url: `http://${host}:${port}`, key });
  try {
    const { entries } = await client.listPage({ type: 'DocChunk', pageSize: Math.min(count, 500) });
    const found = entries.map(({ ref }) => ({ type: 'DocChunk', key: ref?.key ?? '' }));
    if (found.length === 0) throw new Error('there is no DocChunk to fetch');
    const refs = Array.from({ length: count }, (_, i) => found[i % found.length] ?? found[0]);
    const given = refs.flatMap((ref) => ref ?? []);
    const faults = (await client.fetch(given)).filter(({ ok }) => !ok);
    if (faults.length > 0) throw new Error(`${faults.length} of ${count} refs cannot be fetched`);
    return {
      path: fetchPath,
      protocol: 'grpc',
      heads: [[['authorization', `Bearer ${key}`]]],
      bodies: [bodyOf(given, '')],
      results: count,
      refusalsAllowed: false,
    };
  } finally {
    client.close();
  }
}
