import { type ItemField, itemFields } from './evidence.ts';
import type { Html } from './html.ts';
import { type Column, paragraph, table } from './page.ts';
import type { Counts } from './tally.ts';
import { filled } from './words/languages.ts';
import type { ReportWords } from './words/words.ts';

/** Lines of a table of counts. */
const LINES_MAX = 50;

/** A table of counts of items by name, most first. */
export function itemCounts(
  title: string,
  counts: Counts<ItemField>,
  words: ReportWords,
): readonly Html[] {
  const { columns, notes } = words;
  const titles: Column[] = [
    { title },
    ...itemFields.map((field) => ({ title: columns[field], kind: 'number' as const })),
  ];
  const rows = counts
    .top('items', LINES_MAX)
    .map(([name, each]) => [name || words.words.none, ...itemFields.map((field) => each[field])]);
  const left = counts.names - rows.length;
  const shown = table(titles, rows, notes.nothing);
  return left > 0 ? [shown, paragraph(filled(notes.more, { n: left }))] : [shown];
}
