import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Machine, ScenarioName, ScenarioResult, SubjectName } from '../model.ts';
import {
  completed,
  isDone,
  type Progress,
  readProgress,
  withScenario,
  writeWhole,
} from './store.ts';

const machine: Machine = { cpu: 'a', cores: 2, memoryGb: 8, node: 'v24.0.0', pinned: true };
const settings = { repetitions: 3, durationMs: 1_500 };
const none: Progress = { scenarios: [], leftOut: {}, sweep: [] };

function result(name: ScenarioName, subject: SubjectName): ScenarioResult {
  const figures = { callsPerSecond: 1, itemsPerSecond: 1, p50Ms: 1, p90Ms: 1, p99Ms: 1, p999Ms: 1 };
  return {
    ...{ name, subject, protocol: 'grpc', ...figures, maxMs: 1, saturation: 1, errors: 0 },
    load: { kind: 'closed', concurrency: 64, plan: 'saturation' },
    ...{ cpuSeconds: 1, rssMb: 1, gcMs: undefined, repetitions: [] },
    generator: { cpuShare: 0, sendLagP99Ms: 0 },
  };
}

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-bench-test-'));
  file = join(folder, 'results/latest.json');
});
afterEach(() => rm(folder, { recursive: true }));

async function write(progress: Progress): Promise<void> {
  const results = completed(progress, { at: '2027-01-01T00:00:00Z', machine, settings });
  await writeWhole(file, JSON.stringify(results));
}

test('a run goes on where another one stopped', async () => {
  expect(await readProgress(file, settings, machine)).toEqual(none);
  const first = withScenario(none, 'single-warm', {
    scenarios: [result('single-warm', 'weir')],
    leftOut: { nginx: 'not installed' },
  });
  await write(first);
  expect(await readdir(join(folder, 'results'))).toEqual(['latest.json']);
  const progress = await readProgress(file, settings, machine);
  expect(progress.scenarios).toHaveLength(1);
  const asked = (name: ScenarioName, ...subjects: SubjectName[]) =>
    isDone({ name, subjects }, progress);
  expect(asked('single-warm', 'weir')).toBe(true);
  expect(asked('single-warm', 'weir', 'nginx')).toBe(true);
  expect(asked('single-warm', 'weir', 'grpc-js')).toBe(false);
  expect(asked('batch32-warm', 'weir')).toBe(false);
  expect(asked('batch32-warm', 'nginx')).toBe(false);
});

test('a scenario that is measured again takes the place of what there was', () => {
  const before = {
    ...none,
    scenarios: [result('single-warm', 'weir'), result('cache-1m', 'weir')],
  };
  const after = withScenario(before, 'single-warm', {
    scenarios: [result('single-warm', 'grpc-js')],
  });
  expect(after.scenarios.map(({ name, subject }) => `${name} ${subject}`)).toEqual([
    'cache-1m weir',
    'single-warm grpc-js',
  ]);
});

test('what was measured otherwise is not gone on with', async () => {
  await write({ ...none, scenarios: [result('single-warm', 'weir')] });
  const longer = { ...settings, durationMs: 3_000 };
  await expect(readProgress(file, longer, machine)).rejects.toThrow('asked for are 3 of 3000 ms');
  const newer = { ...machine, node: 'v25.0.0' };
  await expect(readProgress(file, settings, newer)).rejects.toThrow('another machine or Node');
  await writeFile(file, '{"scenarios": ');
  await expect(readProgress(file, settings, machine)).rejects.toThrow('is no file of results');
  expect(await readFile(file, 'utf8')).toBe('{"scenarios": ');
});
