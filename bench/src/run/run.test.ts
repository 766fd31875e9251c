import { createWeir } from '@weir/sdk';
import { expect, test } from 'vitest';
import { openLoad } from '../load/open-load.ts';
import type { RunningSubject, Scenario, SubjectDef } from '../model.ts';
import { scenarioOf } from '../scenarios.ts';
import { subjects } from '../subjects/index.ts';
import { itemType, payloadOf as itemValue, warmKey } from '../values.ts';
import { openWeir } from '../weir/weir.ts';
import { faultsOf } from './faults.ts';
import { choosePins, machineOf } from './machine.ts';
import { runScenario } from './scenario.ts';
import { completed } from './store.ts';

const openMaxMs = 120_000;

const tiny: Scenario = {
  ...scenarioOf('batch32-masked'),
  ...{ keys: 64, rules: 40, principals: 3, freshRefs: 1, subjects: ['weir', 'node-http2'] },
  loads: [{ kind: 'saturation', concurrency: 8 }, { kind: 'half' }],
};

test(
  'a tiny scenario is run with Weir and with bare node:http2, and nothing is left of it',
  async () => {
    const pins = choosePins();
    const pids: number[] = [];
    const weir: SubjectDef = {
      name: 'weir',
      async open(scenario) {
        const opened = await openWeir(scenario, pins, {});
        pids.push(opened.site.router.pid, opened.site.registry.pid);
        await expectMasked(opened);
        return opened;
      },
    };
    const floor = subjects.find(({ name }) => name === 'node-http2') as SubjectDef;
    await using load = await openLoad({ core: pins.others });
    const lines: string[] = [];
    const settings = { repetitions: 1, durationMs: 300 };
    const { scenarios, sweep } = await runScenario(tiny, [weir, floor], {
      ...{ load, pins, sweep: true, anyMachine: true, ...settings },
      signal: new AbortController().signal,
      tell: (line) => lines.push(line),
    });
    expect(
      scenarios.map(({ subject, load, errors }) => `${subject} ${load.plan} ${errors}`),
    ).toEqual(['weir saturation 0', 'weir half 0', 'node-http2 saturation 0', 'node-http2 half 0']);
    const results = completed(
      { scenarios, sweep, leftOut: {} },
      { at: new Date().toISOString(), machine: machineOf(pins), settings },
    );
    expect(faultsOf(results, [])).toEqual([]);
    expect(results.ratios).toHaveProperty('batch32-masked.callsPerSecond.vs.node-http2');
    expect(sweep.map(({ share }) => share)).toContain(1.1);
    const [full, half] = scenarios;
    expect(half?.load).toMatchObject({ kind: 'open', rate: (full?.callsPerSecond ?? 0) / 2 });
    expect(full?.repetitions[0]?.freshNext).toBeGreaterThan(full?.repetitions[0]?.sent ?? 0);
    expect(full?.rssMb).toBeGreaterThan(50);
    expect(lines.some((line) => line.includes('weir, saturation'))).toBe(true);
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  },
  openMaxMs,
);

/** What is measured as masked is masked. */
async function expectMasked({ host, port, heads }: RunningSubject): Promise<void> {
  const key = heads[0]?.[0]?.[1].replace('Bearer ', '');
  const client = createWeir({ url: `http://${host}:${port}`, key });
  try {
    const { value } = await client.get(itemType, warmKey(1), { purpose: 'support' });
    const given = JSON.parse(Buffer.from(itemValue(warmKey(1), 1_024)).toString()) as object;
    expect(value).toMatchObject({ ...given, secret: expect.not.stringContaining('4f1c') });
  } finally {
    client.close();
  }
}
