import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import type { LoadProcess } from '../load/open-load.ts';
import type { Load, LoadResult, Traffic } from '../model.ts';
import { type AskedUrl, UsageError } from '../options.ts';
import { bodyOf, fetchPath } from '../traffic.ts';
import { createRandom } from './random.ts';
import { countOf } from './results.ts';
import { untilAborted } from './until-aborted.ts';

/** One measurement of a Weir that runs. */
export interface UrlResult {
  readonly plan: 'saturation' | 'half' | 'rate';
  readonly repetition: number;
  readonly load: Load;
  readonly result: LoadResult;
}

const bodiesMax = 2_000;
const concurrency = 64;
const connections = 8;
const warmupMs = 2_000;
const timeoutMs = 10_000;
const seed = 1;
const defaultPort = 80;

/** Measures a Weir that runs, as its callers see it. Throws UsageError when it cannot be asked so. */
export async function runUrl(
  asked: AskedUrl,
  { load, signal }: { load: LoadProcess; signal: AbortSignal },
): Promise<UrlResult[]> {
  const traffic = await trafficOfRefs(asked);
  const { address: host } = await lookup(asked.url.hostname.replace(/^\[|\]$/g, ''));
  const port = Number(asked.url.port || defaultPort);
  const found: UrlResult[] = [];
  const { durationMs } = asked;
  const times = { connections, warmupMs, durationMs, timeoutMs, freshFrom: 0 };
  const put = async (plan: UrlResult['plan'], repetition: number, how: Load) => {
    const job = { host, port, traffic, load: how, ...times };
    const result = await untilAborted(load.run(job), signal);
    found.push({ plan, repetition, load: how, result });
    return result;
  };
  for (let repetition = 1; repetition <= asked.repetitions; repetition += 1) {
    if (asked.rate === undefined) {
      const full = await put('saturation', repetition, { kind: 'closed', concurrency });
      if (full.ok === 0) break;
      await put('half', repetition, { kind: 'open', rate: full.callsPerSecond / 2 });
    } else {
      await put('rate', repetition, { kind: 'open', rate: asked.rate });
    }
  }
  return found;
}

/** What was measured, as lines for people. */
export function urlTable(results: readonly UrlResult[], batch: number): string {
  const head = ['load', 'calls/s', 'items/s', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms', 'errors'];
  const rows = results.map(({ plan, load, result }) => {
    const { callsPerSecond, latency, errors } = result;
    const rate = load.kind === 'open' ? ` (${load.rate.toFixed(0)}/s)` : '';
    return [
      `${plan}${rate}`,
      ...[callsPerSecond, callsPerSecond * batch].map((value) => value.toFixed(0)),
      ...[latency.p50Ms, latency.p90Ms, latency.p99Ms, latency.maxMs].map((ms) => ms.toFixed(2)),
      String(countOf(errors)),
    ];
  });
  const widths = head.map((name, at) =>
    Math.max(name.length, ...rows.map((row) => row[at]?.length ?? 0)),
  );
  return [head, ...rows]
    .map((row) => row.map((cell, at) => cell.padStart(widths[at] ?? 0)).join('  '))
    .join('\n');
}

async function trafficOfRefs({ refsFile, batch, key }: AskedUrl): Promise<Traffic> {
  const text = await readFile(refsFile, 'utf8').catch((error: Error) => {
    throw new UsageError(`--refs ${refsFile} cannot be read: ${error.message}`);
  });
  const refs = readRefs(text, refsFile);
  const random = createRandom(seed);
  return {
    path: fetchPath,
    protocol: 'grpc',
    heads: [[['authorization', `Bearer ${key}`]]],
    bodies: Array.from({ length: bodiesMax }, () =>
      bodyOf(
        Array.from({ length: batch }, () => refs[Math.floor(random() * refs.length)] ?? refs[0]),
        '',
      ),
    ),
    results: batch,
    refusalsAllowed: false,
  };
}

/** Reads refs, one a line. Throws UsageError with the line that is none. */
export function readRefs(
  text: string,
  file: string,
): [{ type: string; key: string }, ...{ type: string; key: string }[]] {
  const [first, ...rest] = text.split('\n').flatMap((line, at) => {
    const trimmed = line.trim();
    if (trimmed === '') return [];
    const slash = trimmed.indexOf('/');
    if (slash > 0 && slash < trimmed.length - 1) {
      return [{ type: trimmed.slice(0, slash), key: trimmed.slice(slash + 1) }];
    }
    throw new UsageError(`--refs ${file}, line ${at + 1}: "${trimmed}" is not like Type/key`);
  });
  if (first === undefined) throw new UsageError(`--refs ${file} names nothing to fetch`);
  return [first, ...rest];
}
