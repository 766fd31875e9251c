import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { freePorts } from '../weir/ports.ts';
import { readGcTrace } from './gc-trace.ts';
import { openProfiler } from './inspector.ts';
import { selfTimes } from './self-times.ts';

const frame = (functionName: string, url = '', lineNumber = -1) => ({
  callFrame: { functionName, url, lineNumber },
});

test('self times are added up by function, and idle time counts for none', () => {
  const profile = {
    nodes: [
      { id: 1, ...frame('plan', 'file:///weir/router/src/plan.ts', 11) },
      { id: 2, ...frame('plan', 'file:///weir/router/src/plan.ts', 11) },
      { id: 3, ...frame('(garbage collector)') },
      { id: 4, ...frame('(idle)') },
      { id: 5, ...frame('', 'node:internal/streams', 3) },
    ],
    samples: [1, 2, 3, 4, 5, 1],
    timeDeltas: [7, 100, 200, 300, 400, 100],
  };
  const { busyShare, functions } = selfTimes(profile, '/weir/');
  expect(busyShare).toBeCloseTo(700 / 1_100);
  expect(functions).toEqual([
    { name: 'plan', place: 'router/src/plan.ts:12', share: 300 / 700 },
    { name: '(garbage collector)', place: '', share: 300 / 700 },
    { name: '(anonymous)', place: 'node:internal/streams:4', share: 100 / 700 },
  ]);
});

test('collections are read from what Node traces', () => {
  const text = [
    '[9:0x32]      195 ms: Scavenge 41.8 (58.7) -> 19.2 (49.5) MB, pooled: 0 MB, 10.21 / 0.00 ms  (average mu = 1.000, current mu = 1.000) allocation failure; ',
    '{"level":"warn","msg":"something else"}',
    '[9:0x32]      226 ms: Mark-Compact 31.2 (60.9) -> 7.5 (41.9) MB, pooled: 11 MB, 6.92 / 0.00 ms  (+ 0.3 ms in 5 steps since start of marking) GC in old space requested',
    '[9:0x77]      230 ms: Scavenge 99.0 (99.0) -> 90.0 (99.0) MB, pooled: 0 MB, 1.00 / 0.00 ms  (average) task; ',
    '[9:0x32]      256 ms: Scavenge (interleaved) 48.5 (78.2) -> 29.6 (62.2) MB, pooled: 0 MB, 1.87 / 0.00 ms  (average mu = 0.967) allocation failure; ',
  ].join('\n');
  const { kinds, allocatedMb } = readGcTrace(text);
  expect(kinds).toEqual([
    { kind: 'Scavenge', count: 2, totalMs: 11.21, maxMs: 10.21 },
    { kind: 'Mark-Compact', count: 1, totalMs: 6.92, maxMs: 6.92 },
    { kind: 'Scavenge (interleaved)', count: 1, totalMs: 1.87, maxMs: 1.87 },
  ]);
  expect(allocatedMb).toBeCloseTo(12 + 41);
});

test('a process at work is looked into, and says where it works', async () => {
  const [port = 0] = await freePorts(1);
  const script =
    'function toil(){for(const end=performance.now()+20;performance.now()<end;);setTimeout(toil)}toil()';
  const child = spawn(process.execPath, [`--inspect=127.0.0.1:${port}`, '-e', script], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const gone = once(child, 'exit');
  try {
    await once(child.stderr, 'data');
    await using profiler = await openProfiler(port);
    await profiler.start();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { busyShare, functions } = selfTimes(await profiler.stop(), '/');
    expect(busyShare).toBeGreaterThan(0);
    expect(functions.slice(0, 5).map(({ name }) => name)).toContain('toil');
  } finally {
    child.kill('SIGKILL');
    await gone;
  }
});
