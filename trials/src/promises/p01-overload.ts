import { createWeir } from '@weir/sdk';
import { fetchCall, type LoadResult, type LoadSpec, quantile, runLoad } from '../load/load.ts';
import { openFolder, startWeir, type WeirProcess } from '../load/weir-process.ts';
import { freePort } from '../parts/ports.ts';
import type { Measured, Promised } from './promise.ts';

const capacityMs = 4_000;
const unloadedMs = 6_000;
const overloadMs = 10_000;
const recoveryMs = 5_000;
const closedLoopCalls = 16;
const connections = 8;
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
    const measured: Measured[] = [];
    for (const each of cases) measured.push(...(await measureCase(site, each, signal)));
    return measured;
  },
};

interface Site extends AsyncDisposable {
  readonly weir: WeirProcess;
  readonly url: string;
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
    ...{ weir, key, url: `http://127.0.0.1:${port}` },
    [Symbol.asyncDispose]: () => weir[Symbol.asyncDispose](),
  };
}

async function measureCase(
  { weir, url, key }: Site,
  { name, refs, factor }: Case,
  signal: AbortSignal,
): Promise<Measured[]> {
  const asked = await someRefs(url, key, refs);
  const load = async (spec: Pick<LoadSpec, 'load' | 'durationMs'>) => {
    const call = { url, key, connections, ...fetchCall({ refs: asked }), ...spec };
    return withMemory(weir, () => runLoad(call, signal));
  };
  const at = (perSecond: number, durationMs: number) =>
    load({ load: { kind: 'rate', perSecond }, durationMs });
  const concurrency = { kind: 'concurrency', calls: closedLoopCalls } as const;
  // The first is to warm up.
  await load({ load: concurrency, durationMs: capacityMs });
  const full = await load({ load: concurrency, durationMs: capacityMs });
  const capacity = (full.okMs.length * 1000) / capacityMs;
  const before = await at(capacity * unloadedShare, unloadedMs);
  const during = await at(capacity * factor, overloadMs);
  await new Promise((resolve) => setTimeout(resolve, recoveryMs));
  const after = await at(capacity * unloadedShare, unloadedMs);

  const p99 = ({ okMs }: LoadResult) => quantile(okMs, 0.99);
  const of = (figure: string) => `${name}, ${factor}x: ${figure}`;
  const count = (value: number) => ({ value, unit: 'count' as const });
  return [
    { figure: of('calls a second at capacity'), ...count(capacity) },
    { figure: of('calls a second admitted'), ...count((during.okMs.length * 1000) / overloadMs) },
    {
      figure: of('calls a second refused'),
      ...count((during.refusedMs.length * 1000) / overloadMs),
    },
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
      value: quantile(during.refusedMs, 0.99),
      unit: 'ms',
      limit: 50,
    },
    { figure: of('slowest refusal'), value: quantile(during.refusedMs, 1), unit: 'ms' },
    {
      figure: of('p99 of how late the load itself was'),
      value: quantile(during.lateToSendMs, 0.99),
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
      ...count(errorsOf(before) + errorsOf(during) + errorsOf(after)),
      limit: 0,
    },
    { figure: of('5 s after: refused'), ...count(after.refusedMs.length), limit: 0 },
    {
      figure: of('5 s after: p99, to unloaded'),
      value: p99(after) / p99(before),
      unit: 'ratio',
      limit: 2,
    },
  ];
}

function errorsOf({ others }: LoadResult): number {
  return Object.values(others).reduce((sum, count) => sum + count, 0);
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

/** So many refs that are there, over and over again where there are fewer; they are cached. */
async function someRefs(url: string, key: string, count: number) {
  const client = createWeir({ url, key });
  try {
    const { entries } = await client.listPage({ type: 'DocChunk', pageSize: Math.min(count, 500) });
    const found = entries.map(({ ref }) => ({ type: 'DocChunk', key: ref?.key ?? '' }));
    if (found.length === 0) throw new Error('there is no DocChunk to fetch');
    const refs = Array.from({ length: count }, (_, i) => found[i % found.length] ?? found[0]);
    const given = refs.flatMap((ref) => ref ?? []);
    const faults = (await client.fetch(given)).filter(({ ok }) => !ok);
    if (faults.length > 0) throw new Error(`${faults.length} of ${count} refs cannot be fetched`);
    return given;
  } finally {
    client.close();
  }
}
