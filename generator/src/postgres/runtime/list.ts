import { Code } from '@weir/sdk';
import { type ListEntry, type ListPage, type ListQuery, ProviderError } from '@weir/sdk/provider';
import type { Database, Rows, Statement } from './database.ts';
import { isDataFailure } from './failures.ts';
import { formatKey, judge, keyText, parsePrefix } from './key.ts';
import {
  columnOf,
  createParams,
  from,
  literalPattern,
  ofTable,
  type Params,
  paramOf,
} from './sql.ts';
import type { Table } from './table.ts';

/** Words of a query beyond so many say nothing more. */
const wordsMax = 16;
const titleMaxChars = 200;

/** How well a title matches the words, by its rank: the whole, its beginning, or somewhere. */
const scores = [1, 0.8, 0.5];

/** Where a page ended: the rank and the parts of the key of its last row. */
interface Place {
  readonly rank: number;
  readonly parts: readonly string[];
}

/** Lists the keys of a table: in the order of its key, or of how well the titles match the words. */
export async function listRows(
  database: Database,
  table: Table,
  query: ListQuery,
): Promise<ListPage> {
  const place = query.pageToken === '' ? undefined : readToken(table, query.pageToken);
  const statement = listStatement(table, query, place);
  if (!statement) return { entries: [] };
  const { caller, signal } = query;
  const rows = await readListed(database, { ...statement, caller, signal });
  const page = rows.slice(0, query.pageSize);
  const entries = page.flatMap((row): ListEntry[] => {
    const entry = entryOf(table, row, query.text !== '');
    return entry?.key.startsWith(query.keyPrefix) ? [entry] : [];
  });
  const last = rows.length > query.pageSize ? page.at(-1) : undefined;
  return last ? { entries, nextPageToken: writeToken(table, last) } : { entries };
}

/** What cannot be cast to the type of its column is the value of no row. */
async function readListed(database: Database, statement: Statement): Promise<Rows> {
  // Besides the size of the page there may be values to look for.
  const isTrial = statement.params.length > 1;
  try {
    return await database.read({ ...statement, isTrial });
  } catch (error) {
    if (isTrial && isDataFailure(error)) return [];
    throw error;
  }
}

/** The columns of the rows are: the rank, the title, and those of the key. */
function listStatement(table: Table, query: ListQuery, place: Place | undefined) {
  const params = createParams();
  const words = readWords(table, query.text);
  const title = titleSql(table);
  const keys = table.key.map(ofTable);
  const prefix = prefixSql(table, query.keyPrefix, params);
  const filters = words.filters.map(([name, value]) => filterSql(table, name, value, params));
  if (prefix === undefined || filters.includes(undefined)) return undefined;
  const rank = rankSql(title, words.plain, params);
  const conditions = [
    ...keys.map((key) => `${key} is not null`),
    ...prefix,
    ...(filters as string[]),
    ...words.plain.map((word) => `${title} ilike ${params.add(`%${literalPattern(word)}%`)}`),
    ...(place ? [afterSql(table, rank, { place, params })] : []),
  ];
  const sql = [
    `select ${[rank, `pg_catalog.left(${title}, ${titleMaxChars})`, ...keys].join(', ')}`,
    `from ${from(table)}`,
    `where ${conditions.join(' and ')}`,
    `order by ${[...(rank === '0' ? [] : ['1']), ...keys].join(', ')}`,
    `limit ${params.add(query.pageSize + 1)}::pg_catalog.int4`,
  ].join('\n');
  return { sql, params: params.values };
}

/** What people know a row by; its key when there is nothing else. */
function titleSql(table: Table): string {
  const { titleColumn, key } = table;
  if (titleColumn !== undefined) return `${ofTable(titleColumn)}::pg_catalog.text`;
  return `pg_catalog.concat_ws('/', ${key.map((name) => `${ofTable(name)}::pg_catalog.text`).join(', ')})`;
}

function rankSql(title: string, words: readonly string[], params: Params): string {
  if (words.length === 0) return '0';
  const phrase = words.join(' ');
  const whole = params.add(literalPattern(phrase));
  const beginning = params.add(`${literalPattern(phrase)}%`);
  return `case when ${title} ilike ${whole} then 0 when ${title} ilike ${beginning} then 1 else 2 end`;
}

interface After {
  readonly place: Place;
  readonly params: Params;
}

/** Goes on behind a row by its values, so that a page costs the same wherever it lies. */
function afterSql(table: Table, rank: string, { place, params }: After): string {
  const keys = table.key.map(ofTable);
  const values = table.key.map((name, at) => {
    const { sql, codec } = columnOf(table, name);
    return `${params.add(paramOf(codec, place.parts[at] as string))}::${sql}`;
  });
  const behind = `(${keys.join(', ')}) > (${values.join(', ')})`;
  if (rank === '0') return behind;
  const at = `${params.add(place.rank)}::pg_catalog.int4`;
  return `(${rank} > ${at} or (${rank} = ${at} and ${behind}))`;
}

/** Undefined: no key begins so. */
function prefixSql(table: Table, prefix: string, params: Params): string[] | undefined {
  const parts = parsePrefix(prefix);
  if (!parts || parts.length > table.key.length) return undefined;
  const conditions = parts.map((part, at) => {
    const name = table.key[at] as string;
    if (at < parts.length - 1) return filterSql(table, name, part, params);
    if (part === '') return '';
    const text = paramOf(columnOf(table, name).codec, part).replace(/Z$/, '+00');
    const pattern = params.add(`${literalPattern(text)}%`);
    return `${ofTable(name)}::pg_catalog.text like ${pattern}`;
  });
  if (conditions.includes(undefined)) return undefined;
  return (conditions as string[]).filter((condition) => condition !== '');
}

/** Undefined: no row has the value. */
function filterSql(table: Table, name: string, value: string, params: Params): string | undefined {
  const { sql, codec } = columnOf(table, name);
  if (judge(sql, value) === 'none') return undefined;
  return `${ofTable(name)} = ${params.add(paramOf(codec, value))}::${sql}`;
}

interface Words {
  readonly plain: readonly string[];
  readonly filters: readonly (readonly [column: string, value: string])[];
}

/** A word such as `customer_id=5` wants a value, of a column that may be asked for so. */
function readWords(table: Table, text: string): Words {
  const plain: string[] = [];
  const filters: [string, string][] = [];
  for (const word of text.replaceAll('\0', '').split(/\s+/).filter(Boolean).slice(0, wordsMax)) {
    const equals = word.indexOf('=');
    const column = decoded(word.slice(0, equals));
    const isFilter = equals > 0 && table.filters?.includes(column);
    if (isFilter) filters.push([column, decoded(word.slice(equals + 1))]);
    else plain.push(word);
  }
  return { plain, filters };
}

/** Blanks in names and values stand percent-encoded. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text).replaceAll('\0', '');
  } catch {
    return text;
  }
}

function entryOf(table: Table, row: Rows[number], isRanked: boolean): ListEntry | undefined {
  const [rank, title] = row;
  const key = formatKey(partsOf(table, row));
  if (key === undefined) return undefined;
  return {
    key,
    ...(table.titleColumn !== undefined && title && { title }),
    ...(isRanked && { score: scores[Number(rank)] ?? 0 }),
  };
}

function partsOf(table: Table, row: Rows[number]): string[] {
  return table.key.map((name, at) => keyText(columnOf(table, name).codec, row[at + 2] ?? ''));
}

function writeToken(table: Table, row: Rows[number]): string {
  const place: Place = { rank: Number(row[0]), parts: partsOf(table, row) };
  return Buffer.from(JSON.stringify([place.rank, ...place.parts])).toString('base64url');
}

function readToken(table: Table, token: string): Place {
  const fault = new ProviderError(Code.InvalidArgument, 'the page token is none of this list');
  try {
    const [rank, ...parts]: unknown[] = JSON.parse(Buffer.from(token, 'base64url').toString());
    const isPlace = parts.length === table.key.length && parts.every((part) => isText(part));
    if (Number.isInteger(rank) && isPlace) return { rank: Number(rank), parts: parts as string[] };
  } catch {
    // Not even JSON.
  }
  throw fault;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.isWellFormed() && !value.includes('\0');
}
