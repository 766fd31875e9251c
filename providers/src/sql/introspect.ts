import {
  type ColumnRow,
  type ConstraintRow,
  columnQuery,
  constraintQuery,
  type DatabaseRow,
  databaseQuery,
  type EnumRow,
  enumQuery,
  type IndexRow,
  indexQuery,
  type RoutineRow,
  routineQuery,
  type TableRow,
  tableQuery,
} from './catalog-queries.ts';
import { type Catalog, type Database, describeDatabase } from './describe.ts';

/** Runs one SQL statement and gives its rows, as objects by column name. */
export type Query = (
  sql: string,
  params: readonly unknown[],
) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/** More tables, columns and so on than this are not read. */
const maxRows = 100_000;

/**
 * Reads the schema of the PostgreSQL database (12 or later) that `query` speaks to. `name` is what
 * the database is called in the result, whatever its own name is.
 */
export async function introspect(name: string, query: Query): Promise<Database> {
  return describeDatabase(name, await readCatalog(query));
}

async function readCatalog(query: Query): Promise<Catalog> {
  const [database] = await readRows<DatabaseRow>(query, databaseQuery);
  if (!database) throw new Error('the database does not list itself in pg_database');
  const enums = await readRows<EnumRow>(query, enumQuery);
  return {
    database,
    tables: await readRows<TableRow>(query, tableQuery),
    columns: Map.groupBy(await readRows<ColumnRow>(query, columnQuery), (row) => row.table),
    constraints: Map.groupBy(
      await readRows<ConstraintRow>(query, constraintQuery),
      (row) => row.table,
    ),
    indexes: Map.groupBy(await readRows<IndexRow>(query, indexQuery), (row) => row.table),
    enums: new Map(enums.map((row) => [row.oid, row])),
    routines: await readRows<RoutineRow>(query, routineQuery),
  };
}

/** Rows come as JSON text, since drivers differ in what they make of arrays, numbers and booleans. */
async function readRows<Row>(query: Query, sql: string): Promise<Row[]> {
  const rows = await query(
    `select pg_catalog.row_to_json(r)::text as row from (${sql} limit ${maxRows}) r`,
    [],
  );
  return rows.map(({ row }) => {
    if (typeof row !== 'string') throw new TypeError('query must give rows as objects by column');
    return JSON.parse(row);
  });
}
