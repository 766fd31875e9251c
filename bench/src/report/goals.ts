import type { GoalResult } from '../model.ts';
import {
  atLeast,
  atMost,
  type Goal,
  itemsOnOneCore,
  type Measured,
  memoryOfCache,
  p99AtFixedRate,
  refusals,
  weirIn,
  worstBelow,
} from './goal-measures.ts';

/** The name of the goal that everything else serves. */
export const headline = 'headline';

const p99MaxMs = 50;

const goals: readonly Goal[] = [
  {
    name: headline,
    goal: 'batches of 32 with policy and journal on: p99 below 50 ms in every repetition',
    measure: ({ scenarios }) => {
      const open = scenarios.filter(
        (one) => one.name === 'batch32-warm' && one.subject === 'weir' && one.load.kind === 'open',
      );
      return worstBelow(open, p99MaxMs);
    },
  },
  atLeast(
    0.6,
    'single-warm.callsPerSecond.vs.node-http2',
    "one warm item: at least 0.6 of bare node:http2's calls per second",
  ),
  atLeast(
    0.6,
    'batch32-warm.callsPerSecond.vs.node-http2',
    "32 warm items: at least 0.6 of bare node:http2's calls per second (stretch 0.8)",
  ),
  atLeast(
    2.5,
    'batch32-warm.callsPerSecond.vs.connect-node',
    "32 warm items: at least 2.5 times plain connect-node's calls per second",
  ),
  atMost(
    1.5,
    'batch32-warm.p50At500.vs.node-http2',
    "32 warm items at 500 calls a second: p50 at most 1.5 times bare node:http2's",
  ),
  {
    name: 'batch32-warm.p99At500.vs.node-http2',
    goal: "the same: p99 at most 3 times bare node:http2's or 3 ms, and below 10 ms",
    measure: p99AtFixedRate,
  },
  atMost(
    1.5,
    'batch32-warm.p99AtHalf.vs.node-http2',
    '32 warm items at half of saturation: p99 at most 1.5 times that of bare node:http2',
  ),
  {
    name: 'batch32-warm.p99AtHalf',
    goal: '32 warm items at half of saturation: p99 never above 50 ms in any repetition',
    measure: (results) => {
      const atHalf = weirIn(results, 'batch32-warm', 'half');
      return worstBelow(atHalf ? [atHalf] : [], p99MaxMs);
    },
  },
  {
    name: 'batch128-warm.itemsPerSecond',
    goal: '128 warm items: 500,000 items a second on a core, or 0.6 of bare node:http2',
    measure: itemsOnOneCore,
  },
  atLeast(
    5,
    'batch32-miss10.callsPerSecond.vs.naive-router',
    "32 items, one in ten missing: at least 5 times the naive router's calls per second",
  ),
  atMost(
    0.2,
    'batch32-miss10.p99AtHalf.vs.naive-router',
    'the same at half of saturation: p99 at most a fifth of that of the naive router',
  ),
  atLeast(
    0.6,
    'passthrough-miss.callsPerSecond.vs.node-proxy',
    "one item passed through: at least 0.6 of a bare Node proxy's calls per second",
  ),
  atLeast(
    3,
    'passthrough-miss.callsPerSecond.vs.connect-node',
    "one item passed through: at least 3 times connect-node to connect-node's",
  ),
  atMost(
    3,
    'passthrough-miss.p50Added.vs.nginx',
    'one item passed through: adds at most 3 times to the p50 what nginx adds',
  ),
  atLeast(
    0.7,
    'batch32-masked.callsPerSecond.vs.weir-unmasked',
    '32 masked items: at least 0.7 of the calls per second without masks',
  ),
  atLeast(
    1 / 1.2,
    'rules-100k.callsPerSecond.vs.weir-10-rules',
    'decided by 100,000 rules: calls per second within 1.2 times of 10 rules',
  ),
  atMost(
    1.2,
    'rules-100k.p99AtHalf.vs.weir-10-rules',
    'decided by 100,000 rules: p99 within 1.2 times of 10 rules',
  ),
  atLeast(
    1 / 1.3,
    'cache-1m.callsPerSecond.vs.weir-1k-items',
    '1,000,000 cached items: calls per second within 1.3 times of 1,000 items',
  ),
  atMost(
    1.3,
    'cache-1m.p99AtHalf.vs.weir-1k-items',
    '1,000,000 cached items: p99 within 1.3 times of 1,000 items',
  ),
  {
    name: 'cache-1m.rssMb',
    goal: '1,000,000 cached items: all resident memory at most 1.6 times the bytes cached',
    measure: memoryOfCache,
  },
  atMost(
    2,
    'overload-4x.p99Admitted.vs.unloaded',
    'four times saturation: p99 of what is admitted within 2 times of unloaded',
  ),
  {
    name: 'overload-4x.refusalP99Ms',
    goal: 'four times saturation: a refusal takes at most 50 ms',
    measure: refusals,
  },
  atMost(
    1.5,
    'overload-4x.rssMb.vs.unloaded',
    'four times saturation: memory within 1.5 times of unloaded',
  ),
];

/** The goals that can be told from these results, in the order of the table of goals. */
export function goalsOf(results: Measured): GoalResult[] {
  return goals.flatMap(({ name, goal, measure }) => {
    const found = measure(results);
    return found ? [{ name, goal, ...found }] : [];
  });
}
