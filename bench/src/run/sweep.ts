import type { Scenario, ScenarioResult, SweepPoint } from '../model.ts';
import { countOf } from './results.ts';
import { measureLoad, type Opened, type RunOptions } from './scenario.ts';

/** Of saturation: how the way there is walked, and a step beyond. */
const steps = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1] as const;

/** Measures latency in open loops on the way to each subject's saturation, by turns in each step. */
export async function sweep(
  scenario: Scenario,
  { opened, scenarios }: { opened: readonly Opened[]; scenarios: readonly ScenarioResult[] },
  options: RunOptions,
): Promise<SweepPoint[]> {
  const points: SweepPoint[] = [];
  for (const times of steps) {
    for (const one of opened) {
      const saturation = scenarios.find(({ subject }) => subject === one.name)?.saturation;
      if (!saturation) continue;
      const rate = saturation * times;
      const load = { kind: 'open', rate } as const;
      const plan = { kind: 'times', times } as const;
      await one.subject.resume?.();
      const { latency, errors } = await measureLoad(one, { plan, load }, options);
      one.subject.pause?.();
      const { p50Ms, p99Ms } = latency;
      const at = { scenario: scenario.name, subject: one.name, share: times, rate };
      points.push({ ...at, p50Ms, p99Ms, errors: countOf(errors) });
      const percent = Math.round(times * 100);
      options.tell(`${scenario.name} ${one.name}, ${percent} %: p99 ${p99Ms.toFixed(2)} ms`);
    }
  }
  return points;
}
