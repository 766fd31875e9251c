import type { Database, Table } from './describe.ts';

/** The table by itself, with what the whole database says about it elsewhere. */
export function standAlone(database: Database, table: Table): Table {
  const used = new Set(table.columns.map((column) => column.enum));
  const enums = (database.enums ?? []).filter((each) => used.has(each.name));
  const referencedBy = database.tables.flatMap((from) => incomingFrom(from, table));
  const { kind, schema, name, ...rest } = table;
  return {
    kind,
    database: database.name,
    ...(schema !== undefined && { schema }),
    name,
    dialect: database.dialect,
    ...rest,
    ...(referencedBy.length > 0 && { referencedBy }),
    ...(enums.length > 0 && { enums }),
  };
}

function incomingFrom(from: Table, to: Table): NonNullable<Table['referencedBy']> {
  const keys = (from.foreignKeys ?? []).filter(({ references }) => {
    const schema = references.schema ?? from.schema;
    return references.table === to.name && schema === to.schema;
  });
  return keys.map(({ name, columns, references }) => ({
    ...(name !== undefined && { name }),
    from: {
      ...(from.schema !== undefined && from.schema !== to.schema && { schema: from.schema }),
      table: from.name,
      columns,
    },
    columns: references.columns,
  }));
}
