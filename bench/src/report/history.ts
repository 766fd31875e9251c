import type { Results } from '../model.ts';
import { nothing, withSpread } from './format.ts';
import { headline } from './goals.ts';

/** The ratios that the history keeps, in the order of its columns. */
const kept = [
  'single-warm.callsPerSecond.vs.node-http2',
  'batch32-warm.callsPerSecond.vs.node-http2',
  'batch32-warm.callsPerSecond.vs.connect-node',
  'batch32-warm.p99AtHalf.vs.node-http2',
  'passthrough-miss.callsPerSecond.vs.node-proxy',
] as const;

/**
 * A row of bench/history.md. Its last cell, for what was changed, is empty: who
 * adds it fills it in.
 */
export function historyLine(results: Results): string {
  const top = results.goals.find(({ name }) => name === headline);
  const held = results.goals.filter((goal) => goal.held).length;
  const cells = [
    results.at.slice(0, 10),
    `${results.settings.repetitions} × ${results.settings.durationMs / 1000} s`,
    ...kept.map((key) => {
      const ratio = results.ratios[key];
      return ratio === undefined ? nothing : withSpread(ratio, results.spread[key]);
    }),
    top ? `${top.held ? 'yes' : 'no'}, ${top.measured}` : nothing,
    `${held} of ${results.goals.length}`,
    '',
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
