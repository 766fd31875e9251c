import { callTable, shownTime } from './calls.ts';
import { type Evidence, itemFields, SHOWN_MAX } from './evidence.ts';
import type { Html } from './html.ts';
import { facts, paragraph, section, table } from './page.ts';
import { filled } from './words/languages.ts';
import type { ReportWords } from './words/words.ts';

const PRINCIPALS_MAX = 500;

/** Who accessed something, or what somebody accessed: totals, who, and each access. */
export function* accessSections(evidence: Evidence, words: ReportWords): Generator<Html> {
  const { access, columns, notes } = words;
  yield facts(totals(evidence, words));
  const titles = [
    { title: columns.who },
    { title: columns.calls, kind: 'number' as const },
    ...itemFields.map((field) => ({ title: columns[field], kind: 'number' as const })),
  ];
  const rows = evidence.byPrincipal
    .top('calls', PRINCIPALS_MAX)
    .map(([name, each]) => [
      name || words.words.nobody,
      each.calls,
      ...itemFields.map((field) => each[field]),
    ]);
  yield section(access.who, paragraph(access.whoText), table(titles, rows, notes.nothing));
  const { shown, showable } = evidence;
  const cut =
    showable > SHOWN_MAX ? [paragraph(filled(notes.cut, { n: SHOWN_MAX, all: showable }))] : [];
  const every = callTable(shown, words, SHOWN_MAX);
  yield section(access.every, paragraph(access.everyText), ...cut, every);
}

/** What was counted, of calls and items. */
export function totals(
  evidence: Evidence,
  { facts: names }: ReportWords,
): [string, string | number][] {
  return [
    [names.calls, evidence.calls],
    [names.refusedCalls, evidence.refusedCalls],
    ...itemFields.map((field): [string, number] => [names[field], evidence.items[field]]),
    [names.principals, evidence.byPrincipal.names],
    [names.first, shownTime(evidence.firstMs)],
    [names.last, shownTime(evidence.lastMs)],
  ];
}
