import { styleText } from 'node:util';
import type { GoalResult, Results } from '../model.ts';
import { distrustOf } from './distrust.ts';
import { headline } from './goals.ts';

/** What the results come to, in a few lines; colours only where standard output has them. */
export function renderVerdict(results: Results): string {
  const top = results.goals.find(({ name }) => name === headline);
  const others = results.goals.filter(({ name }) => name !== headline);
  const held = others.filter((goal) => goal.held);
  const broken = others.filter((goal) => !goal.held);
  const distrust = distrustOf(results);
  return [
    top ? headlineOf(top) : 'P99 below 50 ms: not measured (it needs batch32-warm of weir)',
    ...(others.length > 0 ? [`${held.length} of ${others.length} goals hold`] : []),
    ...broken.map(({ goal, measured }) => `  ${styleText('red', 'broken')}  ${goal}: ${measured}`),
    ...held.map(({ goal, measured }) => `  ${styleText('green', 'holds ')}  ${goal}: ${measured}`),
    ...(distrust.length > 0 ? ['What to distrust', ...distrust.map((line) => `  ${line}`)] : []),
  ].join('\n');
}

function headlineOf({ measured, held }: GoalResult): string {
  const answer = held ? styleText('green', 'yes') : styleText('red', 'no');
  return `${styleText('bold', 'P99 below 50 ms')}: ${answer}, ${measured}`;
}
