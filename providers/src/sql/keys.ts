import { toKeyName } from '../keys.ts';
import { compareKeys } from '../search.ts';
import type { Database, Table } from './describe.ts';

/** The schema whose tables have short keys, whatever the search path of the session is. */
const shortSchema = 'public';

/** A table under its key. */
export interface KeyedTable {
  readonly key: string;
  readonly table: Table;
}

/**
 * The tables of a database under their keys, in the order of keys: `shop.orders` for a table of the
 * schema `public`, `shop.audit.events` for any other. A name with a dot in it stands in quotes.
 */
export function keyTables(database: Database): KeyedTable[] {
  const keyed = database.tables.flatMap((table) => {
    const schema = table.schema === shortSchema ? undefined : table.schema;
    return keyedAs(database.name, schema, table);
  });
  return keyed.sort((a, b) => compareKeys(a.key, b.key));
}

/** Tables of `public` can be asked for with the name of their schema, too. */
export function keyTablesInFull(database: Database): KeyedTable[] {
  return database.tables.flatMap((table) => keyedAs(database.name, table.schema, table));
}

function keyedAs(database: string, schema: string | undefined, table: Table): KeyedTable[] {
  const parts = [database, ...(schema === undefined ? [] : [quoted(schema)]), quoted(table.name)];
  const key = toKeyName(parts.join('.'));
  return key === undefined ? [] : [{ key, table }];
}

function quoted(name: string): string {
  return /[."]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}
