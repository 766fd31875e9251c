import type { Results, ScenarioName, ScenarioResult } from '../model.ts';
import { scenarios } from '../scenarios.ts';
import { html } from './escape.ts';
import { count, ratio } from './format.ts';
import type { ScenarioPlots } from './plots.ts';
import { figuresTable, ratiosTable } from './scenario-tables.ts';

/** A scenario in the report: bars, places for the plots, and all figures as tables. */
export function scenarioSection(results: Results, plots: ScenarioPlots): string {
  const { name } = plots;
  const scenario = results.scenarios.filter((one) => one.name === name);
  const subjects = [...new Set(scenario.map(({ subject }) => subject))];
  return `<section class="scenario" id="${html(name)}">
<h2>${html(name)}</h2>
<p class="note">${html(aboutOf(name))}</p>
${bars(results, scenario)}
<div class="controls">
${legend(subjects)}
${choice('load', name, plots.loads.map(loadTitle))}
</div>
<div class="plots">
${figures(plots).map(figure).join('\n')}
</div>
${figuresTable(scenario)}
${ratiosTable(results, name)}
</section>`;
}

/** Results may be of a scenario that is no more. */
function aboutOf(wanted: ScenarioName): string {
  return scenarios.find(({ name }) => name === wanted)?.about ?? '';
}

function bars({ ratios }: Results, scenario: readonly ScenarioResult[]): string {
  const saturated = scenario.filter(({ load }) => load.plan === 'saturation');
  if (saturated.length === 0) return '';
  const greatest = Math.max(1, ...saturated.flatMap(rangeOf));
  const at = (value: number) => `${((100 * value) / greatest).toFixed(2)}%`;
  const rows = saturated.map((one) => {
    const { name, subject, callsPerSecond } = one;
    const [least, most] = rangeOf(one);
    const against = ratios[`${name}.callsPerSecond.vs.${subject}`];
    return `<li data-subject="${html(subject)}"><span class="who">${html(subject)}</span>
<span class="track"><span class="fill" style="width:${at(callsPerSecond)}"></span><span class="range" style="left:${at(least)};width:${at(most - least)}"></span></span>
<span class="value">${count(callsPerSecond)}</span><small>${against === undefined ? '' : `Weir: ${ratio(against)} times`}</small></li>`;
  });
  return `<h3>Calls per second at saturation</h3><ul class="bars">${rows.join('\n')}</ul>`;
}

/** The least and greatest of the repetitions. */
function rangeOf({ repetitions, callsPerSecond }: ScenarioResult): [number, number] {
  const all = [callsPerSecond, ...repetitions.map((one) => one.callsPerSecond)];
  return [Math.min(...all), Math.max(...all)];
}

function legend(subjects: readonly string[]): string {
  const keys = subjects.map(
    (subject) =>
      `<button type="button" aria-pressed="true" data-subject="${html(subject)}"><svg width="24" height="10" aria-hidden="true"><line x1="1" y1="5" x2="23" y2="5"/></svg>${html(subject)}</button>`,
  );
  return `<div class="legend" role="group" aria-label="Lines shown">${keys.join('')}</div>`;
}

/** One of several, the first at the beginning. */
function choice(what: string, scenario: string, texts: readonly string[]): string {
  const inputs = texts.map(
    (text, index) =>
      `<label><input type="radio" data-choice="${what}" name="${html(`${what} ${scenario}`)}" value="${index}"${index === 0 ? ' checked' : ''}><span>${html(text)}</span></label>`,
  );
  return `<div class="choice" role="radiogroup" aria-label="${what}">${inputs.join('')}</div>`;
}

function loadTitle({ title }: ScenarioPlots['loads'][number]): string {
  if (title === 'half') return 'half of its own saturation';
  return title.endsWith('/s') ? `${title.slice(0, -2)} calls/s` : title;
}

interface Figure {
  readonly kind: 'percentiles' | 'over-time' | 'sweep';
  readonly title: string;
  readonly caption: string;
  readonly extra?: string;
}

function figures({ name, sweep }: ScenarioPlots): Figure[] {
  return [
    {
      kind: 'percentiles',
      title: 'Latency by percentile',
      caption: 'The median of the repetitions; the shade is from the least to the greatest.',
    },
    {
      kind: 'over-time',
      title: 'Latency over time',
      caption: 'Of each tenth of a second; the repetitions one after the other.',
      extra: choice('line', name, ['p99', 'slowest call']),
    },
    ...(sweep
      ? ([
          {
            kind: 'sweep',
            title: 'Latency on the way to saturation',
            caption: 'P99 in an open loop, at growing shares of what the subject answers at most.',
          },
        ] as const)
      : []),
  ];
}

function figure({ kind, title, caption, extra = '' }: Figure): string {
  return `<figure><div class="title"><h3>${title}</h3>${extra}</div>
<div class="plot" data-plot="${kind}" role="img" aria-label="${title}; the figures stand in the table below"></div>
<figcaption>${caption}</figcaption></figure>`;
}
