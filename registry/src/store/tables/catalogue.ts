import { and, type Column, desc, gt, lt, or, type SQL, sql } from 'drizzle-orm';
import type { Filter } from '../store.ts';

/** The columns by which a catalogue is searched. */
export interface SearchedColumns {
  readonly words: Column;
  readonly manifest: Column;
}

/** What the search looks through: all that people call a thing by. */
export function wordsOf(manifest: {
  name: string;
  title: string;
  description: string;
  tags: readonly string[];
}): string {
  return [manifest.name, manifest.title, manifest.description, ...manifest.tags].join('\n');
}

/** Each word in its text, the tag and category as they stand, and what `typeOf` makes of a type. */
export function matching(
  columns: SearchedColumns,
  filter: Filter,
  typeOf?: (type: string) => object,
): SQL | undefined {
  const words = (filter.words ?? []).map(
    (word) => sql`${columns.words} ilike ${`%${escapeLike(word)}%`}`,
  );
  return and(
    ...words,
    filter.tag ? holds(columns.manifest, { tags: [filter.tag] }) : undefined,
    filter.category ? holds(columns.manifest, { category: filter.category }) : undefined,
    filter.type && typeOf ? holds(columns.manifest, typeOf(filter.type)) : undefined,
  );
}

/** Whether a jsonb column contains a value. */
export function holds(column: Column, value: object): SQL {
  return sql`${column} @> ${JSON.stringify(value)}::jsonb`;
}

/** What comes after a name and version, in the order of names and, in each, newest first. */
export function afterVersion(
  columns: { name: Column; versionOrder: Column },
  after: readonly string[] | undefined,
): SQL | undefined {
  const [name, order] = after ?? [];
  if (name === undefined || order === undefined) return undefined;
  return or(
    gt(columns.name, name),
    and(sql`${columns.name} = ${name}`, lt(columns.versionOrder, order)),
  );
}

/** By name and, in each, newest version first. */
export function byVersion(columns: { name: Column; versionOrder: Column }): SQL[] {
  return [sql`${columns.name} asc`, desc(columns.versionOrder)];
}

function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, (character) => `\\${character}`);
}
