import { styleText } from 'node:util';
import type { Results, ScenarioResult } from '../model.ts';
import { disturbedOf, generatorMaxShare } from './distrust.ts';
import { count, ms, percent, planText } from './format.ts';

/** One column: its head, what stands in it, and when it is to be looked at. */
interface Column {
  readonly head: string;
  of(result: ScenarioResult): string;
  warns?(result: ScenarioResult): boolean;
}

const columns: readonly Column[] = [
  { head: 'subject', of: ({ subject }) => subject },
  { head: 'load', of: planText },
  { head: 'calls/s', of: (one) => count(one.callsPerSecond) },
  { head: 'items/s', of: (one) => count(one.itemsPerSecond) },
  { head: 'p50 ms', of: (one) => ms(one.p50Ms) },
  { head: 'p90', of: (one) => ms(one.p90Ms) },
  { head: 'p99', of: (one) => ms(one.p99Ms) },
  { head: 'p99.9', of: (one) => ms(one.p999Ms) },
  { head: 'max', of: (one) => ms(one.maxMs) },
  { head: 'CPU s', of: ({ cpuSeconds }) => cpuSeconds.toFixed(1) },
  { head: 'RSS MB', of: ({ rssMb }) => count(rssMb) },
  { head: 'GC ms', of: ({ gcMs }) => count(gcMs) },
  { head: 'errors', of: ({ errors }) => count(errors), warns: ({ errors }) => errors > 0 },
  {
    head: 'gen',
    of: ({ generator }) => percent(generator.cpuShare),
    warns: ({ generator }) => generator.cpuShare > generatorMaxShare,
  },
  { head: 'lag', of: ({ generator }) => ms(generator.sendLagP99Ms) },
  { head: 'dist', of: (one) => count(disturbedOf(one)), warns: (one) => disturbedOf(one) > 0 },
];
/** Columns from here on are figures, and end at the right. */
const firstFigure = 2;
const gap = '  ';
const maxColumns = 120;

/** All results as one table of at most 120 columns; colours only where standard output has them. */
export function renderTable({ scenarios }: Pick<Results, 'scenarios'>): string {
  const widths = columns.map(({ head, of }) =>
    Math.max(head.length, ...scenarios.map((one) => of(one).length)),
  );
  const line = (cells: readonly string[], style = (text: string, _column: number) => text) =>
    cells.map((cell, at) => style(pad(cell, widths[at] ?? 0, at), at)).join(separator(widths));
  const heads = line(columns.map(({ head }) => head));
  const names = [...new Set(scenarios.map(({ name }) => name))];
  const rows = names.flatMap((name) => [
    '',
    styleText('bold', name),
    ...scenarios
      .filter((one) => one.name === name)
      .map((one) =>
        line(
          columns.map(({ of }) => of(one)),
          (cell, at) => (columns[at]?.warns?.(one) ? styleText('yellow', cell) : cell),
        ),
      ),
  ]);
  return [styleText('dim', heads), ...rows, '', legend].join('\n');
}

const legend = [
  'Medians over the repetitions; CPU s, RSS MB and GC ms are of the subject. Latency counts from when',
  "a call was to be sent. gen: the generator's CPU, of one core. lag: p99 of how late it sent, in ms.",
  'dist: repetitions measured again because something else took CPU.',
].join('\n');

/** Wider gaps where the terminal has room for them. */
function separator(widths: readonly number[]): string {
  const sum = widths.reduce((a, b) => a + b, 0);
  return sum + gap.length * (widths.length - 1) <= maxColumns ? gap : ' ';
}

function pad(cell: string, width: number, column: number): string {
  return column < firstFigure ? cell.padEnd(width) : cell.padStart(width);
}
