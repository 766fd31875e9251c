import type { Codec } from './codec.ts';
import type { Column, Table } from './table.ts';

/** A name as SQL takes it, whatever it holds. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The table itself, under the name `t`. */
export function from(table: Table): string {
  return `${quoted(table.schema)}.${quoted(table.name)} as t`;
}

/** A column of the table `t`. */
export function ofTable(name: string): string {
  return `t.${quoted(name)}`;
}

/**
 * A column.
 *
 * @throws {TypeError} when the table is described without it.
 */
export function columnOf(table: Table, name: string): Column {
  const column = Object.hasOwn(table.columns, name) ? table.columns[name] : undefined;
  if (column) return column;
  throw new TypeError(`${table.type} has no column "${name}" among its columns`);
}

/** A text as a statement takes it for a column: as the server itself would write it. */
export function paramOf(codec: Codec, text: string): string {
  return codec === 'timestamp' || codec === 'timestamptz' ? text.replace('T', ' ') : text;
}

/** A row whose columns take more where they are stored is not read. */
export const rowMaxBytes = 8 * 1024 * 1024;

/**
 * The rows of some keys; `$1`, `$2` … are lists of the texts of each column of the key. Before the
 * columns stand the place of the key, and whether the row is small enough to be read.
 */
export function fetchSql(table: Table): string {
  const wide = new Set(Object.keys(table.columns).filter((name) => isWide(table, name)));
  const columns = Object.keys(table.columns).map((name) =>
    wide.has(name) ? `case when s.fits then ${ofTable(name)} end` : ofTable(name),
  );
  const sizes = [...wide].map((name) => `coalesce(pg_catalog.pg_column_size(${ofTable(name)}), 0)`);
  // Without the offset the sum would be made again for each column.
  const sum = ['0::pg_catalog.int8', ...sizes].join(' + ');
  const lists = table.key.map(
    (name, at) => `pg_catalog.unnest($${at + 1}::${columnOf(table, name).sql}[])`,
  );
  const names = table.key.map((_, at) => `p${at}`);
  const same = table.key.map((name, at) => `${ofTable(name)} = k.p${at}`);
  return [
    `select ${['k.n', 's.fits', ...columns].join(', ')}`,
    `from rows from (${lists.join(', ')}) with ordinality as k(${[...names, 'n'].join(', ')})`,
    `join ${from(table)} on ${same.join(' and ')}`,
    `cross join lateral (select ${sum} <= ${rowMaxBytes} as fits offset 0) as s`,
  ].join('\n');
}

/** Types whose values are small, whatever they are. */
const narrow: ReadonlySet<string> = new Set([
  'bigint',
  'date',
  'inet',
  'interval',
  'time without time zone',
  'uuid',
]);

/** Whether a value can be large. Parts of a key cannot, or they would be none. */
function isWide(table: Table, name: string): boolean {
  const { codec, sql } = columnOf(table, name);
  const isNarrow = ['boolean', 'number', 'timestamp', 'timestamptz'].includes(codec as string);
  return !isNarrow && !narrow.has(sql) && !table.key.includes(name);
}

/** Whether texts can be cast to the types of some columns: fails when one cannot. */
export function castSql(table: Table, columns: readonly string[]): string {
  const casts = columns.map((name, at) => `$${at + 1}::${columnOf(table, name).sql}`);
  return `select ${casts.join(', ')}`;
}

/** Parameters as they are added to a statement. */
export interface Params {
  readonly values: unknown[];
  /** Adds one, and gives its place, such as `$3`. */
  add(value: unknown): string;
}

export function createParams(): Params {
  const values: unknown[] = [];
  return { values, add: (value) => `$${values.push(value)}` };
}

/** A text as a pattern of `like` that stands for itself. */
export function literalPattern(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}
