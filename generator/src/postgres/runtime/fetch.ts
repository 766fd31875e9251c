import { Code } from '@weir/sdk';
import { type ContextQuery, type FetchAnswer, ProviderError } from '@weir/sdk/provider';
import { decode } from './codec.ts';
import type { Database } from './database.ts';
import { isDataFailure } from './failures.ts';
import { formatKey, judge, keyText, parseKey } from './key.ts';
import { castSql, columnOf, fetchSql, paramOf, rowMaxBytes } from './sql.ts';
import type { Table } from './table.ts';

/** A row as JSON: its columns, and the refs of what it refers to. */
export type Row = Record<string, unknown>;

type Answer = FetchAnswer<Row> | ProviderError;

/** A key that may be one of the table. */
interface Asked {
  readonly query: ContextQuery;
  readonly parts: readonly string[];
}

/** Gets rows by their keys, all of them in one statement; the answers stand in the order of the queries. */
export async function fetchRows(
  database: Database,
  table: Table,
  queries: readonly ContextQuery[],
): Promise<readonly Answer[]> {
  const answers = new Map<string, Answer>();
  const asked = [...new Map(queries.map((query) => [query.key, query])).values()].flatMap(
    (query): Asked[] => {
      const parts = parseKey(query.key, table.key.length);
      return parts && judgeAll(table, parts) !== 'none' ? [{ query, parts }] : [];
    },
  );
  const { value: sure = [], unknown = [] } = Object.groupBy(asked, ({ parts }) =>
    judgeAll(table, parts) === 'value' ? 'value' : 'unknown',
  );
  // Texts that may not be cast are asked for apart: one of them fails its statement.
  for (const group of [...chunksOf(sure), ...chunksOf(unknown)]) {
    await fetchGroup(database, table, { group, answers });
  }
  return queries.map(({ key }) => answers.get(key));
}

/** As many rows as one statement brings: together they have to fit into memory. */
const rowsPerStatement = 64;

function chunksOf(asked: readonly Asked[]): Asked[][] {
  const count = Math.ceil(asked.length / rowsPerStatement);
  return Array.from({ length: count }, (_, at) =>
    asked.slice(at * rowsPerStatement, (at + 1) * rowsPerStatement),
  );
}

interface Gathering {
  readonly group: readonly Asked[];
  readonly answers: Map<string, Answer>;
}

async function fetchGroup(database: Database, table: Table, { group, answers }: Gathering) {
  try {
    await fetchTogether(database, table, { group, answers });
  } catch (error) {
    if (!isDataFailure(error)) return failAll(group, answers, error);
    const castable = await onlyCastable(database, table, group);
    // If all of them are values, something else failed, such as a computation of a view.
    if (castable.length === group.length) return failAll(group, answers, error);
    if (castable.length > 0) await fetchGroup(database, table, { group: castable, answers });
  }
}

function failAll(group: readonly Asked[], answers: Gathering['answers'], error: unknown): void {
  if (!(error instanceof ProviderError)) throw error;
  for (const { query } of group) answers.set(query.key, error);
}

async function fetchTogether(database: Database, table: Table, { group, answers }: Gathering) {
  const [first] = group;
  if (!first) return;
  const codecs = table.key.map((name) => columnOf(table, name).codec);
  const params = codecs.map((codec, at) =>
    group.map(({ parts }) => paramOf(codec, parts[at] as string)),
  );
  const { caller, signal } = first.query;
  const isTrial = judgeAll(table, first.parts) === 'unknown';
  const rows = await database.read({ sql: fetchSql(table), params, caller, signal, isTrial });
  for (const [place, fits, ...texts] of rows) {
    const { key } = (group[Number(place) - 1] as Asked).query;
    // What the database takes for the same, such as "A" and "a" in citext, is another key all the same.
    if (keyOf(table, texts) !== key) continue;
    const answer = fits === 't' ? answerOf(table, key, texts) : tooLarge(table);
    answers.set(key, answers.has(key) ? notUnique(table) : answer);
  }
}

async function onlyCastable(database: Database, table: Table, group: readonly Asked[]) {
  const castable: Asked[] = [];
  const codecs = table.key.map((name) => columnOf(table, name).codec);
  for (const asked of group) {
    const { caller, signal } = asked.query;
    const params = codecs.map((codec, at) => paramOf(codec, asked.parts[at] as string));
    try {
      await database.read({
        sql: castSql(table, table.key),
        params,
        caller,
        signal,
        isTrial: true,
      });
      castable.push(asked);
    } catch (error) {
      if (!isDataFailure(error)) throw error;
    }
  }
  return castable;
}

function judgeAll(table: Table, parts: readonly string[]): ReturnType<typeof judge> {
  const verdicts = table.key.map((name, at) =>
    judge(columnOf(table, name).sql, parts[at] as string),
  );
  if (verdicts.includes('none')) return 'none';
  return verdicts.includes('unknown') ? 'unknown' : 'value';
}

type Texts = readonly (string | null)[];

/** A value that cannot be read fails its row alone. */
function answerOf(table: Table, key: string, texts: Texts): Answer {
  const source = `${table.schema}.${table.name}/${key}`.replace(/\p{Cc}/gu, ' ');
  try {
    return { value: rowOf(table, texts), source };
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    const text = `a row of ${table.type} is not as the provider knows it: the provider must be generated again`;
    return new ProviderError(Code.FailedPrecondition, text, { cause });
  }
}

function tooLarge({ type }: Table): ProviderError {
  const limit = `${rowMaxBytes / 1024 / 1024} MiB`;
  const text = `the row of ${type} is larger than ${limit}: the provider must leave large columns out`;
  return new ProviderError(Code.ResourceExhausted, text);
}

function notUnique(table: Table): ProviderError {
  const text = `the key of ${table.type} stands for several rows: the provider must name other columns`;
  return new ProviderError(Code.FailedPrecondition, text);
}

function rowOf(table: Table, texts: Texts): Row {
  const columns = Object.entries(table.columns);
  const values = columns.map(([name, { codec }], at) => [name, decode(codec, texts[at] ?? null)]);
  const { links = {}, linksMember = 'refs' } = table;
  const refs = Object.entries(links).flatMap(([name, { type, columns: names }]) => {
    const key = keyFrom(table, names, texts);
    return key === undefined ? [] : [[name, `${type}/${key}`]];
  });
  const linked = Object.keys(links).length > 0 ? [[linksMember, Object.fromEntries(refs)]] : [];
  return Object.fromEntries([...values, ...linked]);
}

function keyOf(table: Table, texts: Texts): string | undefined {
  return keyFrom(table, table.key, texts);
}

/** The key that some columns of a row make; undefined when one of them is null. */
function keyFrom(table: Table, names: readonly string[], texts: Texts): string | undefined {
  const all = Object.keys(table.columns);
  const parts: string[] = [];
  for (const name of names) {
    const text = texts[all.indexOf(name)] ?? null;
    if (text === null) return undefined;
    parts.push(keyText(columnOf(table, name).codec, text));
  }
  return formatKey(parts);
}
