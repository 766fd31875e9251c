import { Code } from '@weir/sdk';
import { defineContext, defineProvider, ProviderError } from '@weir/sdk/provider';
import { toKeyName } from '../keys.ts';
import { type Listed, listPage } from '../listing.ts';
import { type ReadyProvider, readyProvider } from '../ready.ts';
import { compareKeys, readTerms } from '../search.ts';
import { shareFor } from '../share.ts';
import type { Database, Table } from './describe.ts';
import { introspect, type Query } from './introspect.ts';
import { keyTables, keyTablesInFull } from './keys.ts';
import { openPostgres } from './postgres.ts';
import { standAlone } from './stand-alone.ts';

/** What `sqlProvider` serves. */
export interface SqlProviderOptions {
  /** Runs a statement on the database; or give `url`. */
  readonly query?: Query;
  /** The URL of a PostgreSQL database, 12 or later; or give `query`. */
  readonly url?: string;
  /** What the database is called in keys. Default: its own name, by `url`. */
  readonly database?: string;
  /** The provider's name. Default: `sql`. */
  readonly name?: string;
  /** For how long what was read is answered from, in milliseconds. Default: 1,000. */
  readonly maxAgeMs?: number;
}

/** Values are at most 4 MiB; this leaves room for what surrounds them. */
const maxValueBytes = 4 * 1024 * 1024 - 4096;

/** The schema as it was read, by key. */
interface Reading {
  readonly values: ReadonlyMap<string, Database | Table>;
  readonly listed: readonly Listed[];
}

/**
 * Offers the schema of a PostgreSQL database as `SQLSchema`: the whole under the database's name,
 * and each table and view as `<database>.<table>`, or `<database>.<schema>.<table>` outside of the
 * schema `public`. Keys are looked up among the tables that there are, and never become SQL.
 *
 * @throws {Error} when neither `query` nor a PostgreSQL `url` is given, or the name is no key.
 */
export function sqlProvider(options: SqlProviderOptions): ReadyProvider {
  const { query, database, close } = openDatabase(options);
  const read = shareFor(options.maxAgeMs ?? 1_000, async () =>
    toReading(await introspect(database, query)),
  );
  const schemas = defineContext({
    type: 'SQLSchema',
    version: '1.0.0',
    keyPrefix: database,
    scope: 'tenant',
    ttlMs: 60_000,
    staleWhileRevalidateMs: 600_000,
    sensitivity: 'internal',
    async fetchMany(queries, signal) {
      const { values } = await read(signal);
      return queries.map(({ key }) => {
        const value = values.get(key);
        return value && fitting({ value, source: key });
      });
    },
    async list(listQuery) {
      return listPage((await read(listQuery.signal)).listed, listQuery);
    },
  });
  const provider = defineProvider({
    name: options.name ?? 'sql',
    version: '1.0.0',
    title: 'Database schema',
    description: 'Tables, views, keys and indexes of a PostgreSQL database.',
    tags: ['sql', 'postgresql', 'schema'],
    category: 'database',
    timeoutMs: 10_000,
    contexts: [schemas],
  });
  return readyProvider(provider, close);
}

function openDatabase(options: SqlProviderOptions) {
  const { query, url } = options;
  if ((query === undefined) === (url === undefined)) {
    throw new TypeError('sqlProvider: give either query or url');
  }
  const opened = url === undefined ? undefined : openPostgres(url);
  const database = toKeyName(options.database ?? opened?.database ?? '');
  if (database === undefined) throw new TypeError('sqlProvider: database is not a name for keys');
  const close = async () => opened?.[Symbol.asyncDispose]();
  return { query: (query ?? opened?.query) as Query, database, close };
}

function toReading(database: Database): Reading {
  const tables = keyTables(database).map(({ key, table }) => ({
    key,
    table: standAlone(database, table),
  }));
  const values = new Map<string, Database | Table>([[database.name, database]]);
  for (const { key, table } of [...tables, ...keyTablesInFull(database)]) {
    // Made of names with dots, two keys could be one: the first stays.
    if (!values.has(key)) values.set(key, standAlone(database, table));
  }
  const whole = listedDatabase(database);
  const listed = [whole, ...tables.map(({ key, table }) => listedTable(key, table))];
  return { values, listed: listed.sort((a, b) => compareKeys(a.key, b.key)) };
}

function listedDatabase(database: Database): Listed {
  const { name, comment = '', tables } = database;
  const names = tables.map((table) => table.name).join(', ');
  return {
    key: name,
    title: name,
    summary: `The whole database: ${tables.length} tables and views`,
    terms: readTerms(name, `${comment} ${names}`),
  };
}

function listedTable(key: string, { name, kind, comment = '', columns }: Table): Listed {
  const columnNames = columns.map((column) => column.name).join(', ');
  const about = columns.map((column) => `${column.name} ${column.comment ?? ''}`).join(' ');
  const word = kind.replace('-', ' ');
  return {
    key,
    title: name,
    summary: `${comment ? `${comment} ` : ''}${word}: ${columnNames}`.slice(0, 300).toWellFormed(),
    terms: readTerms(name, `${key} ${comment} ${about}`),
  };
}

function fitting<T extends { readonly value: Database | Table }>(answer: T): T | ProviderError {
  const bytes = Buffer.byteLength(JSON.stringify(answer.value));
  if (bytes <= maxValueBytes) return answer;
  const text = 'the schema is larger than the 4 MiB of one value: fetch its tables one by one';
  return new ProviderError(Code.ResourceExhausted, text);
}
