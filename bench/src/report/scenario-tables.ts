import type { Results, ScenarioName, ScenarioResult } from '../model.ts';
import { disturbedOf, generatorMaxShare } from './distrust.ts';
import { html } from './escape.ts';
import { count, ms, percent, planText, withSpread } from './format.ts';

const heads = [
  ...['subject', 'load', 'calls/s', 'items/s', 'p50 ms', 'p90 ms', 'p99 ms', 'p99.9 ms', 'max ms'],
  ...['CPU s', 'RSS MB', 'GC ms', 'errors', 'generator', 'sent late ms', 'disturbed'],
];

/** All figures of a scenario as a table. */
export function figuresTable(scenario: readonly ScenarioResult[]): string {
  const rows = scenario.map((one) => {
    const { p50Ms, p90Ms, p99Ms, p999Ms, maxMs, generator } = one;
    const cells = [
      ...[count(one.callsPerSecond), count(one.itemsPerSecond)],
      ...[p50Ms, p90Ms, p99Ms, p999Ms, maxMs].map(ms),
      ...[one.cpuSeconds.toFixed(1), count(one.rssMb), count(one.gcMs)],
      warned(count(one.errors), one.errors > 0),
      warned(percent(generator.cpuShare), generator.cpuShare > generatorMaxShare),
      ms(generator.sendLagP99Ms),
      warned(count(disturbedOf(one)), disturbedOf(one) > 0),
    ];
    return `<tr data-subject="${html(one.subject)}"><th scope="row">${html(one.subject)}</th><td class="text">${html(planText(one))}</td>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  return scrolled('Figures', { heads, rows, open: true });
}

/** All ratios of a scenario as a table; empty when it has none. */
export function ratiosTable({ ratios, spread }: Results, name: ScenarioName): string {
  const rows = Object.entries(ratios)
    .filter(([key]) => key.startsWith(`${name}.`))
    .map(([key, value]) => {
      const what = html(key.slice(name.length + 1));
      return `<tr><th scope="row">${what}</th><td>${withSpread(value, spread[key])}</td></tr>`;
    });
  if (rows.length === 0) return '';
  return scrolled('Ratios', { heads: ['ratio', 'median (least to greatest)'], rows });
}

function warned(text: string, warns: boolean): string {
  return warns ? `<span class="warn">${text}</span>` : text;
}

/** A table that can be folded, and that scrolls within itself where it is wider than the page. */
function scrolled(
  title: string,
  table: { readonly heads: readonly string[]; readonly rows: readonly string[]; open?: boolean },
): string {
  const head = table.heads.map((text) => `<th scope="col">${text}</th>`).join('');
  return `<details${table.open ? ' open' : ''}><summary>${title}</summary>
<div class="scroll" role="region" aria-label="${title}" tabindex="0"><table class="figures"><thead><tr>${head}</tr></thead>
<tbody>${table.rows.join('\n')}</tbody></table></div></details>`;
}
