import type { PayloadOf } from '@weir/sdk';
import type {
  ColumnRow,
  ConstraintRow,
  DatabaseRow,
  EnumRow,
  IndexRow,
  RoutineRow,
  TableRow,
} from './catalog-queries.ts';

/** The description of a whole database. */
export type Database = Extract<PayloadOf<'SQLSchema'>, { kind: 'database' }>;
/** The description of a table or view. */
export type Table = Exclude<PayloadOf<'SQLSchema'>, { kind: 'database' }>;
type Column = Table['columns'][number];
type ForeignKey = NonNullable<Table['foreignKeys']>[number];
type Index = NonNullable<Table['indexes']>[number];
type Enum = NonNullable<Table['enums']>[number];
type Routine = NonNullable<Database['routines']>[number];

/** What the catalogs say, by table where it belongs to one. */
export interface Catalog {
  readonly database: DatabaseRow;
  readonly tables: readonly TableRow[];
  readonly columns: ReadonlyMap<number, ColumnRow[]>;
  readonly constraints: ReadonlyMap<number, ConstraintRow[]>;
  readonly indexes: ReadonlyMap<number, IndexRow[]>;
  readonly enums: ReadonlyMap<number, EnumRow>;
  readonly routines: readonly RoutineRow[];
}

/** Describes a database from its catalogs, under the name that it has in keys. */
export function describeDatabase(name: string, catalog: Catalog): Database {
  const { version, defaultSchema, comment, schemas, extensions } = catalog.database;
  return {
    kind: 'database',
    name,
    dialect: 'postgresql',
    dialectVersion: version.split(' ', 1)[0] ?? version,
    ...(comment && { comment }),
    ...(defaultSchema && { defaultSchema }),
    schemas: (schemas ?? []).map((schema) => ({ name: schema.name, ...commentOf(schema) })),
    tables: catalog.tables.map((table) => toTable(table, catalog)),
    enums: [...catalog.enums.values()].map(toEnum),
    routines: catalog.routines.map(toRoutine),
    extensions: [...(extensions ?? [])],
  };
}

const tableKinds = {
  r: 'table',
  p: 'partitioned-table',
  f: 'foreign-table',
  v: 'view',
  m: 'materialized-view',
} as const;

function toTable(row: TableRow, catalog: Catalog): Table {
  const constraints = catalog.constraints.get(row.oid) ?? [];
  const columns = (catalog.columns.get(row.oid) ?? []).map((column) => toColumn(column, catalog));
  return {
    kind: tableKinds[row.kind],
    schema: row.schema,
    name: row.name,
    ...commentOf(row),
    columns,
    ...toConstraints(constraints, row.schema),
    ...list('indexes', (catalog.indexes.get(row.oid) ?? []).map(toIndex)),
    ...(row.definition && { definition: row.definition.trim() }),
    ...(row.partitioning && { partitioning: row.partitioning }),
    // Views have none, and -1 stands for a table that was never analysed.
    ...(row.kind !== 'v' && row.rowEstimate >= 0 && { rowEstimate: row.rowEstimate }),
  };
}

function toColumn(row: ColumnRow, catalog: Catalog): Column {
  const enumName = row.enumType === null ? undefined : catalog.enums.get(row.enumType)?.name;
  const identity = identityOf(row);
  return {
    name: row.name,
    type: row.type,
    nullable: row.nullable,
    ...(row.expression && !row.isGenerated && { default: row.expression }),
    ...(row.expression && row.isGenerated && { generated: row.expression }),
    ...(identity && { identity }),
    ...(enumName && { enum: enumName }),
    ...(row.collation && { collation: row.collation }),
    ...commentOf(row),
  };
}

function identityOf(row: ColumnRow): Column['identity'] {
  if (row.identity === 'a') return 'always';
  const isSerial = !row.isGenerated && row.expression?.startsWith('nextval(');
  return row.identity === 'd' || isSerial ? 'by-default' : undefined;
}

type Constraints = Pick<Table, 'primaryKey' | 'uniqueKeys' | 'foreignKeys' | 'checks'>;

function toConstraints(rows: readonly ConstraintRow[], schema: string): Constraints {
  const of = (kind: ConstraintRow['kind']) => rows.filter((row) => row.kind === kind);
  const toKey = (row: ConstraintRow) => ({ name: row.name, columns: [...(row.columns ?? [])] });
  const [primaryKey] = of('p').map(toKey);
  const checks = of('c').flatMap((row) =>
    row.expression ? [{ name: row.name, expression: row.expression, ...commentOf(row) }] : [],
  );
  return {
    ...(primaryKey && { primaryKey }),
    ...list('uniqueKeys', of('u').map(toKey)),
    ...list(
      'foreignKeys',
      of('f').flatMap((row) => toForeignKey(row, schema)),
    ),
    ...list('checks', checks),
  };
}

const actions = {
  a: 'no-action',
  r: 'restrict',
  c: 'cascade',
  n: 'set-null',
  d: 'set-default',
  ' ': 'no-action',
} as const;

function toForeignKey(row: ConstraintRow, schema: string): ForeignKey[] {
  const { targetSchema, targetName, columns, targetColumns } = row;
  if (targetName === null || columns === null || targetColumns === null) return [];
  return [
    {
      name: row.name,
      columns: [...columns],
      references: {
        ...(targetSchema && targetSchema !== schema && { schema: targetSchema }),
        table: targetName,
        columns: [...targetColumns],
      },
      onDelete: actions[row.onDelete],
      onUpdate: actions[row.onUpdate],
      ...(row.deferrable && { deferrable: true }),
      ...commentOf(row),
    },
  ];
}

/** The bits of pg_index.indoption. */
const isDescending = 1;
const areNullsFirst = 2;

function toIndex(row: IndexRow): Index {
  return {
    name: row.name,
    unique: row.unique,
    ...(row.primary && { primary: true }),
    method: row.method,
    columns: row.columns.map(({ expression, option }) => ({
      expression,
      ...(option & isDescending && { order: 'desc' as const }),
      // Said only where it differs from the default: first when descending, else last.
      ...(option === isDescending && { nulls: 'last' as const }),
      ...(option === areNullsFirst && { nulls: 'first' as const }),
    })),
    ...(row.include && { include: [...row.include] }),
    ...(row.where && { where: row.where }),
    definition: row.definition,
    ...commentOf(row),
  };
}

function toEnum(row: EnumRow): Enum {
  return { schema: row.schema, name: row.name, values: [...(row.values ?? [])], ...commentOf(row) };
}

const routineKinds = { f: 'function', p: 'procedure', a: 'aggregate', w: 'function' } as const;

function toRoutine(row: RoutineRow): Routine {
  return {
    kind: routineKinds[row.kind],
    schema: row.schema,
    name: row.name,
    ...(row.arguments && { arguments: row.arguments }),
    ...(row.returns && { returns: row.returns }),
    language: row.language,
    ...commentOf(row),
  };
}

function commentOf(row: { readonly comment: string | null }): { comment?: string } {
  return row.comment ? { comment: row.comment } : {};
}

/** Empty lists are left out. */
function list<Name extends string, Item>(name: Name, items: Item[]): { [name in Name]?: Item[] } {
  return items.length > 0 ? ({ [name]: items } as { [name in Name]?: Item[] }) : {};
}
