import { painter } from '../terminal.ts';
import { renderTable, type Screen } from './table.ts';
import { count } from './text.ts';

/** A part of a list that may go on. */
export interface Part<T> {
  readonly items: readonly T[];
  /** Whether there are more than were asked for. */
  readonly more: boolean;
}

/** The rows of a part. */
export interface Rows {
  readonly columns: Parameters<typeof renderTable>[0];
  readonly rows: readonly (readonly string[])[];
  readonly more: boolean;
  readonly noun: string;
}

/** Renders a part of a list as a table, and says whether there is more. */
export function renderPart({ columns, rows, more, noun }: Rows, screen: Screen): string {
  if (rows.length === 0) return `No ${noun}s.\n`;
  const total = more ? `The first ${count(rows.length, noun)}; raise --limit.` : '';
  return `${renderTable(columns, rows, screen)}${total === '' ? '' : `${total}\n`}`;
}

/** Renders a section with its title. */
export function section(title: string, body: string, screen: Screen): string {
  return `\n${painter(screen)('bold', title)}\n${body}`;
}
