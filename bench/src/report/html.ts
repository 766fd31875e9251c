import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { GoalResult, Results } from '../model.ts';
import { colourRules } from './colours.ts';
import { distrustOf } from './distrust.ts';
import { html, jsonForScript, scriptText } from './escape.ts';
import { headline } from './goals.ts';
import { plotsOf } from './plots.ts';
import { scenarioSection } from './scenario-section.ts';

/**
 * The report as one HTML file that needs nothing else: no network, no other file. Figures stand in
 * it as text; the curves are drawn by uPlot.
 */
export async function renderHtml(results: Results): Promise<string> {
  const require = createRequire(import.meta.url);
  const read = (path: string | URL) => readFile(path, 'utf8');
  const [plotScript, plotStyle, script, style] = await Promise.all([
    read(require.resolve('uplot/dist/uPlot.iife.min.js')),
    read(require.resolve('uplot/dist/uPlot.min.css')),
    read(new URL('./page/page.js', import.meta.url)),
    read(new URL('./page/page.css', import.meta.url)),
  ]);
  const names = [...new Set(results.scenarios.map(({ name }) => name))];
  const plots = names.map((name) => plotsOf(results, name));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${onlyItself}">
<title>Weir bench, ${html(results.at.slice(0, 10))}</title>
<style>${plotStyle}\n${style}\n${colourRules()}</style>
</head>
<body>
<main>
${header(results)}
${names.length > 1 ? contents(names) : ''}
${goalsSection(results.goals)}
${plots.map((one) => scenarioSection(results, one)).join('\n')}
${distrustSection(results)}
${readingSection()}
</main>
<script type="application/json" id="plots">${jsonForScript(plots)}</script>
<script>${scriptText(plotScript)}</script>
<script>${scriptText(script)}</script>
</body>
</html>
`;
}

/** Should anything in the page ask for another address, the browser refuses. */
const onlyItself =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

function header({ at, machine, settings, goals }: Results): string {
  const top = goals.find(({ name }) => name === headline);
  const answer = top
    ? `<h1>P99 below 50 ms: <span class="${verdictClass(top)}">${top.held ? 'yes' : 'no'}</span></h1>
<p class="lead">${html(top.goal)}; ${html(top.measured)}.</p>`
    : '<h1>Weir, measured</h1>';
  const facts = {
    measured: at.replace('T', ' ').replace(/\.\d+Z$|Z$/, ' UTC'),
    processor: `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB`,
    'Node.js': machine.node,
    'processes pinned to cores': machine.pinned ? 'yes' : 'no',
    repetitions: `${settings.repetitions} of ${settings.durationMs / 1000} s each`,
  };
  const items = Object.entries(facts).map(
    ([name, value]) => `<div><dt>${name}</dt><dd>${html(value)}</dd></div>`,
  );
  return `<header><p class="eyebrow">Weir bench</p>\n${answer}\n<dl class="facts">${items.join('')}</dl></header>`;
}

function contents(names: readonly string[]): string {
  const links = names.map((name) => `<a href="#${html(name)}">${html(name)}</a>`);
  return `<nav aria-label="Scenarios">${links.join(' ')}</nav>`;
}

function goalsSection(goals: readonly GoalResult[]): string {
  if (goals.length === 0) return '';
  const rows = goals.map(
    (one) => `<tr><td>${html(one.goal)}</td><td class="measured">${html(one.measured)}</td>
<td><span class="badge ${verdictClass(one)}">${one.held ? 'holds' : 'broken'}</span></td></tr>`,
  );
  const held = goals.filter((one) => one.held).length;
  return `<section id="goals"><h2>Goals</h2>
<p class="note">${held} of ${goals.length} hold. Ratios are Weir's figure divided by the other's: the median over the repetitions, with the least and the greatest.</p>
<table class="goals"><thead><tr><th>goal</th><th>measured</th><th>verdict</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></section>`;
}

function verdictClass({ held }: Pick<GoalResult, 'held'>): string {
  return held ? 'held' : 'broken';
}

function distrustSection(results: Results): string {
  const lines = distrustOf(results).map((line) => `<li>${html(line)}</li>`);
  const list = lines.length > 0 ? `<ul>${lines.join('\n')}</ul>` : '<p>Nothing was found.</p>';
  return `<section id="distrust"><h2>What to distrust, and what was left out</h2>\n${list}</section>`;
}

function readingSection(): string {
  return `<section id="reading"><h2>How it was measured</h2>
<p>Calls are sent at times that are fixed beforehand, whether or not the ones before have been answered (an open loop), and each latency counts from the time at which the call was to be sent. So a stop of the server shows in all the calls that it held up. Only saturation is a closed loop: as many calls as are answered.</p>
<p>In each repetition the subjects run one after the other, and ratios compare figures of the same repetition. A repetition that something else on the machine disturbed is measured again, whatever came of it.</p>
<p>The load generator is a process of its own. Where it used nearly all of its core, or sent late, it is named above.</p></section>`;
}
