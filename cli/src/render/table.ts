import { type Paint, painter, type Terminal } from '../terminal.ts';
import { cutTo, oneLine, widthOf } from './text.ts';

/** The least width to which a column is cut. */
const LEAST_WIDTH = 10;
const GAP = '  ';

/** A column of a table. */
export interface Column {
  /** Its heading. */
  readonly title: string;
  /** Whether it may be cut to make the table fit the screen. */
  readonly shrinks?: boolean;
  /** Whether its cells stand at the right. */
  readonly right?: boolean;
}

/** The screen for which something is rendered. */
export type Screen = Pick<Terminal, 'columns' | 'rows' | 'color'>;

/** Renders an aligned table; columns in which every cell is empty are left out. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  screen: Screen,
): string {
  const used = columns.map((_column, at) => rows.some((row) => (row[at] ?? '') !== ''));
  const kept = columns.filter((_column, at) => used[at]);
  const cells = rows.map((row) => row.filter((_cell, at) => used[at]).map(oneLine));
  const widths = fit(kept, cells, screen.columns);
  const paint = painter(screen);
  const lines = [kept.map((column) => column.title), ...cells].map((row, at) =>
    renderRow({ row, widths, columns: kept, paint, heading: at === 0 }),
  );
  return `${lines.join('\n')}\n`;
}

/** Renders names and values below each other; empty values are left out. */
export function renderFields(
  fields: readonly (readonly [name: string, value: string])[],
  screen: Screen,
): string {
  const kept = fields.filter(([, value]) => value !== '');
  const width = Math.max(0, ...kept.map(([name]) => widthOf(name)));
  const paint = painter(screen);
  return kept
    .map(([name, value]) => `${paint('dim', name.padEnd(width))}${GAP}${oneLine(value)}\n`)
    .join('');
}

function fit(
  columns: readonly Column[],
  cells: readonly (readonly string[])[],
  screenColumns: number | undefined,
): number[] {
  const widths = columns.map((column, at) =>
    Math.max(widthOf(column.title), ...cells.map((row) => widthOf(row[at] ?? ''))),
  );
  if (screenColumns === undefined) return widths;
  const total = () => widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length);
  while (total() > screenColumns) {
    const widest = widestShrinking(columns, widths);
    if (widest === undefined) break;
    widths[widest] = Math.max(LEAST_WIDTH, (widths[widest] ?? 0) - (total() - screenColumns));
    levelOut(columns, widths, widest);
  }
  return widths;
}

function widestShrinking(columns: readonly Column[], widths: readonly number[]) {
  let widest: number | undefined;
  for (const [at, column] of columns.entries()) {
    if (!column.shrinks || (widths[at] ?? 0) <= LEAST_WIDTH) continue;
    if (widest === undefined || (widths[at] ?? 0) > (widths[widest] ?? 0)) widest = at;
  }
  return widest;
}

// A column that was cut below the next wider one shares the loss with it.
function levelOut(columns: readonly Column[], widths: number[], cut: number): void {
  const other = widestShrinking(columns, widths);
  if (other === undefined || other === cut) return;
  const share = Math.floor(((widths[other] ?? 0) - (widths[cut] ?? 0)) / 2);
  widths[other] = (widths[other] ?? 0) - share;
  widths[cut] = (widths[cut] ?? 0) + share;
}

function renderRow(line: {
  row: readonly string[];
  widths: readonly number[];
  columns: readonly Column[];
  paint: Paint;
  heading: boolean;
}): string {
  const cells = line.row.map((cell, at) => {
    const width = line.widths[at] ?? 0;
    const text = cutTo(cell, width);
    const space = ' '.repeat(Math.max(0, width - widthOf(text)));
    return line.columns[at]?.right ? space + text : text + space;
  });
  const text = cells.join(GAP).trimEnd();
  return line.heading ? line.paint('dim', text.toUpperCase()) : text;
}
