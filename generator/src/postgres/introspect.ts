import type pg from 'pg';
import {
  type ColumnRow,
  columnQuery,
  type FieldRow,
  type ForeignKeyRow,
  fieldQuery,
  foreignKeyQuery,
  type KeyRow,
  keyQuery,
  type SessionRow,
  sessionQuery,
  type TableRow,
  type TypeRow,
  tableQuery,
  typeQuery,
} from './introspect-queries.ts';

/** What a database holds, as far as the user who asked may read it. */
export interface Catalog {
  readonly session: SessionRow;
  readonly tables: readonly TableRow[];
  /** Columns, keys and foreign keys by the table that has them. */
  readonly columns: ReadonlyMap<number, readonly ColumnRow[]>;
  readonly keys: ReadonlyMap<number, readonly KeyRow[]>;
  readonly foreignKeys: ReadonlyMap<number, readonly ForeignKeyRow[]>;
  readonly types: ReadonlyMap<number, TypeRow>;
  /** The fields of composite types by their relation. */
  readonly fields: ReadonlyMap<number, readonly FieldRow[]>;
}

/** The oldest release that is read, as `server_version_num` has it. */
const oldestVersion = 140_000;
/** Databases with more rows of one kind in their catalogs are not read. */
const rowsMax = 500_000;
const tablesMax = 10_000;

/**
 * Reads the catalogs of a PostgreSQL database, all as of one moment and reading only.
 *
 * @param schemas Only these schemas. Default: all that the user may use.
 * @throws {Error} when the database is too old or too large, or a schema is not there.
 */
export async function introspect(
  client: pg.ClientBase,
  schemas?: readonly string[],
): Promise<Catalog> {
  await client.query('begin transaction isolation level repeatable read read only');
  try {
    // Without it names of types would be written without their schema, and mean another one elsewhere.
    await client.query("select pg_catalog.set_config('search_path', '', true)");
    return await readCatalog(client, schemas);
  } finally {
    await client.query('rollback').catch(() => {});
  }
}

async function readCatalog(
  client: pg.ClientBase,
  schemas: readonly string[] | undefined,
): Promise<Catalog> {
  const [session] = await readRows<SessionRow>(client, sessionQuery);
  if (!session) throw new Error('the database does not list itself in pg_database');
  refuseOld(session);
  refuseMissing(session, schemas);
  const only = [schemas ?? null];
  const tables = await readRows<TableRow>(client, tableQuery, only);
  if (tables.length > tablesMax) {
    throw new Error(
      `the database has ${tables.length} tables and views, and at most ${tablesMax} are read: name the schemas that are wanted with --schema`,
    );
  }
  const columns = await readRows<ColumnRow>(client, columnQuery, only);
  const keys = await readRows<KeyRow>(client, keyQuery, only);
  const foreignKeys = await readRows<ForeignKeyRow>(client, foreignKeyQuery, only);
  const types = await readRows<TypeRow>(client, typeQuery);
  const fields = await readRows<FieldRow>(client, fieldQuery);
  return {
    session,
    tables,
    columns: Map.groupBy(columns, (row) => row.table),
    keys: Map.groupBy(keys, (row) => row.table),
    foreignKeys: Map.groupBy(foreignKeys, (row) => row.table),
    types: new Map(types.map((row) => [row.oid, row])),
    fields: Map.groupBy(fields, (row) => row.relation),
  };
}

function refuseOld({ version }: SessionRow): void {
  if (version >= oldestVersion) return;
  const text = `${Math.floor(version / 10_000)}.${version % 10_000}`;
  throw new Error(`the database is PostgreSQL ${text}: PostgreSQL 14 or later is needed`);
}

function refuseMissing({ schemas: all, user }: SessionRow, wanted: readonly string[] = []): void {
  const missing = wanted.filter((name) => !all.includes(name));
  if (missing.length === 0) return;
  throw new Error(
    `the database has no schema ${missing.join(', ')} that "${user}" may use: there is ${all.join(', ') || 'none'}; grant usage on schema … to "${user}", or name another with --schema`,
  );
}

/** Rows come as JSON text: so they are the same whatever the driver makes of types. */
async function readRows<Row>(
  client: pg.ClientBase,
  sql: string,
  params: readonly unknown[] = [],
): Promise<Row[]> {
  const text = `select pg_catalog.row_to_json(r)::pg_catalog.text as row from (${sql}) r limit ${rowsMax + 1}`;
  const { rows } = await client.query<{ row: string }>(text, [...params]);
  if (rows.length > rowsMax) {
    throw new Error(
      `the catalogs of the database hold more than ${rowsMax} rows of one kind: name the schemas that are wanted with --schema`,
    );
  }
  return rows.map(({ row }) => JSON.parse(row) as Row);
}
