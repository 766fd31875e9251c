import type { Repetition, Results, ScenarioResult, SubjectName } from '../model.ts';
import { find, median, paired } from './pairs.ts';

/** What one repetition says of a subject; undefined: nothing. */
type Figure = (repetition: Repetition) => number | undefined;

const p50: Figure = ({ latency }) => (latency.count > 0 ? latency.p50Ms : undefined);
const p99: Figure = ({ latency }) => (latency.count > 0 ? latency.p99Ms : undefined);

/**
 * Weir's figures divided by those of every other subject of its scenario: the median over the
 * repetitions of what they are in the same repetition, with the least and the greatest. A ratio that
 * no repetition of both has is left out.
 */
export function ratiosOf(scenarios: readonly ScenarioResult[]): Pick<Results, 'ratios' | 'spread'> {
  const found = new Map<string, readonly number[]>();
  for (const ours of scenarios.filter(({ subject }) => subject === 'weir')) {
    for (const theirs of scenarios.filter((other) => isBeside(ours, other))) {
      for (const [name, figure] of figuresOf(ours)) {
        const key = `${ours.name}.${name}.vs.${theirs.subject}`;
        found.set(key, quotients(ours, theirs, figure));
      }
    }
  }
  found.set('passthrough-miss.p50Added.vs.nginx', addedToPassThrough(scenarios));
  for (const [name, values] of overload(scenarios)) found.set(`overload-4x.${name}`, values);
  const kept = [...found].filter(([, values]) => values.length > 0);
  return {
    ratios: Object.fromEntries(kept.map(([key, values]) => [key, median(values)])),
    spread: Object.fromEntries(
      kept.map(([key, values]) => [key, [Math.min(...values), Math.max(...values)] as const]),
    ),
  };
}

function isBeside(ours: ScenarioResult, other: ScenarioResult): boolean {
  if (other.name !== ours.name || other.subject === ours.subject) return false;
  if (other.load.plan !== ours.load.plan) return false;
  return ours.load.plan !== 'fixed' || rateOf(ours) === rateOf(other);
}

function figuresOf({ load }: ScenarioResult): [string, Figure][] {
  switch (load.plan) {
    case 'saturation':
      return [['callsPerSecond', (repetition) => repetition.callsPerSecond]];
    case 'half':
      return [
        ['p50AtHalf', p50],
        ['p99AtHalf', p99],
      ];
    case 'fixed': {
      const rate = load.kind === 'open' ? load.rate : 0;
      return [
        [`p50At${rate}`, p50],
        [`p99At${rate}`, p99],
      ];
    }
    case 'times':
      return [];
  }
}

function quotients(ours: ScenarioResult, theirs: ScenarioResult, figure: Figure): number[] {
  return paired([ours, theirs], (both) => {
    const [our, their] = both.map(figure);
    return our === undefined || !their ? undefined : our / their;
  });
}

/** What Weir adds to the backend's own median by what nginx adds; empty where that is not positive. */
function addedToPassThrough(scenarios: readonly ScenarioResult[]): readonly number[] {
  const at = (subject: SubjectName) =>
    find(scenarios, { name: 'passthrough-miss', subject, plan: 'fixed' });
  const [weir, nginx, backend] = [at('weir'), at('nginx'), at('node-http2')];
  if (!weir || !nginx || !backend) return [];
  const added = paired([weir, nginx, backend], (all) => {
    const [ours = Number.NaN, theirs = Number.NaN, own = Number.NaN] = all.map(p50);
    return theirs > own ? (ours - own) / (theirs - own) : Number.POSITIVE_INFINITY;
  });
  // Without those repetitions in which noise hid what nginx adds, the others would be a choice.
  return added.every(Number.isFinite) ? added : [];
}

/** How Weir does under overload, beside itself at half of its saturation. */
function overload(scenarios: readonly ScenarioResult[]): [string, readonly number[]][] {
  const weir = { name: 'overload-4x', subject: 'weir' } as const;
  const loaded = find(scenarios, { ...weir, plan: 'times' });
  const unloaded = find(scenarios, { ...weir, plan: 'half' });
  if (!loaded) return [];
  const refused = paired([loaded], ([one]) => one?.refusedLatency?.p99Ms);
  if (!unloaded) return [['refusalP99Ms', refused]];
  return [
    ['p99Admitted.vs.unloaded', quotients(loaded, unloaded, p99)],
    ['rssMb.vs.unloaded', quotients(loaded, unloaded, (one) => one.rssMb)],
    ['refusalP99Ms', refused],
  ];
}

function rateOf({ load }: ScenarioResult): number | undefined {
  return load.kind === 'open' ? load.rate : undefined;
}
