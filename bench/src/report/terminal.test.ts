import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { scenarios } from '../scenarios.ts';
import { historyLine } from './history.ts';
import { type Made, makeResults } from './results.fixture.ts';
import { renderTable } from './table.ts';
import { renderVerdict } from './verdict.ts';

// Who runs the tests may want colours in theirs.
beforeEach(() => void vi.stubEnv('FORCE_COLOR', undefined));
afterEach(() => void vi.unstubAllEnvs());

const wholeSuite: Made[] = scenarios.flatMap(({ name, subjects, loads }) =>
  subjects.flatMap((subject) => loads.map(({ kind }): Made => ({ name, subject, plan: kind }))),
);

test('the table of the whole suite has a line for each result, none over 120 columns', () => {
  const lines = renderTable(makeResults(wholeSuite)).split('\n');
  expect(lines.filter((line) => /^(weir|n|g|c|h)\S* +(sat|half|over|500)/.test(line))).toHaveLength(
    wholeSuite.length,
  );
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(120);
});

test('great figures do not make it wider', () => {
  const great: Made = {
    ...{ subject: 'weir-connect-lane', plan: 'fixed', rate: 999_000 },
    callsPerSecond: [99_949.4],
    override: {
      ...{ itemsPerSecond: 12_345_678, p50Ms: 99.94, p90Ms: 9_999, p99Ms: 9_999, p999Ms: 9_999 },
      ...{ maxMs: 9_999, cpuSeconds: 359.9, rssMb: 99_999, gcMs: 99_999, errors: 987_654_321 },
      generator: { cpuShare: 1.01, sendLagP99Ms: 9_999 },
    },
  };
  const lines = renderTable(makeResults([great])).split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(120);
});

test('columns are aligned, and there are no colours where nobody sees them', () => {
  const table = renderTable(
    makeResults([{ subject: 'weir', callsPerSecond: [12_345] }, { subject: 'weir-connect-lane' }]),
  );
  expect(table).not.toContain('\u001b');
  const [head, , , first, second] = table.split('\n');
  const end = (head?.indexOf('calls/s') ?? 0) + 'calls/s'.length;
  expect([first, second].map((line) => line?.slice(end - 7, end))).toEqual([' 12,345', '  1,000']);
});

test('the verdict says yes or no, what is broken, and what to distrust', () => {
  const weir: Made = { subject: 'weir', callsPerSecond: [500] };
  const generator = { cpuShare: 0.93, sendLagP99Ms: 4 };
  const results = makeResults(
    [
      { ...weir, plan: 'half', rate: 500, p99Ms: [3], override: { generator } },
      { ...weir, plan: 'saturation' },
      { subject: 'node-http2', override: { errors: 7 } },
      { subject: 'connect-node', plan: 'fixed', rate: 500, callsPerSecond: [300] },
    ],
    { leftOut: { nginx: 'it is not installed' } },
  );
  expect(renderVerdict(results).split('\n')).toEqual([
    'P99 below 50 ms: yes, 3.00 ms in one repetition',
    '1 of 2 goals hold',
    "  broken  32 warm items: at least 0.6 of bare node:http2's calls per second (stretch 0.8): 0.50 (0.50 to 0.50)",
    '  holds   32 warm items at half of saturation: p99 never above 50 ms in any repetition: 3.00 ms in one repetition',
    'What to distrust',
    '  batch32-warm, weir, half: the load generator used 93 % of its core, and may be what was measured',
    '  batch32-warm, weir, half: calls were sent up to 4.00 ms late (p99), which the latency contains',
    '  batch32-warm, node-http2, saturation: 7 errors',
    '  batch32-warm, connect-node, 500/s: answered 300 calls a second, less than it was sent',
    '  nginx was left out: it is not installed',
  ]);
});

test('disturbed repetitions are told, and those that count nevertheless', () => {
  const results = makeResults([{ subject: 'weir' }]);
  const [result] = results.scenarios;
  const repetitions = (result?.repetitions ?? []).map((one) => ({
    ...one,
    ...{ disturbed: 3, foreignCpuShare: 0.4 },
  }));
  const verdict = renderVerdict({
    ...results,
    scenarios: result ? [{ ...result, repetitions }] : [],
  });
  expect(verdict).toContain('weir, saturation: 3 measured again, because something else took CPU');
  expect(verdict).toContain('counts although something else took 40 % of a core');
});

test('without a batch of 32 there is no headline, and nobody says yes', () => {
  expect(renderVerdict(makeResults([{ name: 'single-warm', subject: 'weir' }]))).toBe(
    'P99 below 50 ms: not measured (it needs batch32-warm of weir)',
  );
});

test('a row of the history fits its heading', () => {
  const history = readFileSync(new URL('../../history.md', import.meta.url), 'utf8');
  const heading = history.split('\n').find((line) => line.startsWith('| date')) ?? '';
  const row = historyLine(makeResults(wholeSuite));
  expect(row).toMatch(/^\| 2026-11-21 \| 3 × 5 s \| 1\.00 \(1\.00 to 1\.00\) \|/);
  expect(row.split('|')).toHaveLength(heading.split('|').length);
});
