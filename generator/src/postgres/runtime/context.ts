import { type ContextDefinition, defineContext } from '@weir/sdk/provider';
import type { Database } from './database.ts';
import { fetchRows, type Row } from './fetch.ts';
import { listRows } from './list.ts';
import type { Table } from './table.ts';

/** Offers a table or view as a context type: its rows are fetched by their keys, and listed. */
export function tableContext(database: Database, table: Table): ContextDefinition {
  return defineContext<Row>({
    type: table.type,
    version: table.version,
    title: table.title,
    schema: table.jsonSchema,
    // What policies of the database decided for one caller is no other's.
    scope: database.tellsCaller ? 'principal' : 'tenant',
    ttlMs: table.ttlMs ?? 5_000,
    sensitivity: table.sensitivity ?? 'internal',
    fetchMany: (queries) => fetchRows(database, table, queries),
    list: (query) => listRows(database, table, query),
  });
}
