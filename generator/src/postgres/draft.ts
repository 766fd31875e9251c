import { type DescribedType, describeType } from './describe-type.ts';
import type { Catalog } from './introspect.ts';
import type { ColumnRow, ForeignKeyRow, TableRow } from './introspect-queries.ts';
import { chooseKey } from './key-columns.ts';
import type { LeftOut } from './model.ts';
import { qualified } from './names.ts';
import type { Link } from './runtime/table.ts';

/** A column that is offered. */
export interface DraftColumn {
  readonly row: ColumnRow;
  readonly type: DescribedType;
}

/** A table that has what it takes to be offered. */
export interface Draft {
  readonly row: TableRow;
  readonly columns: readonly DraftColumn[];
  readonly key: readonly string[];
  readonly foreignKeys: readonly ForeignKeyRow[];
  /** Every column by its number, also those that are not offered. */
  readonly names: ReadonlyMap<number, string>;
}

/** A draft with the name of its context type. */
export type TypedDraft = Draft & { readonly type: string };

/** A draft with what its rows refer to. */
export type LinkedDraft = TypedDraft & { readonly links: Readonly<Record<string, Link>> };

/** What was chosen by hand, and where to write what is left out. */
export interface Drafting {
  readonly keys: ReadonlyMap<string, readonly string[]>;
  readonly leftOut: LeftOut[];
}

/** Decides what of a table is offered: one draft, or none. */
export function draftOf(catalog: Catalog, row: TableRow, { keys, leftOut }: Drafting): Draft[] {
  const all = catalog.columns.get(row.oid) ?? [];
  const name = qualified(row);
  const reason = unreadableReason(catalog, row, all);
  if (reason) {
    leftOut.push({ name, ...reason });
    return [];
  }
  const typeOf = (column: ColumnRow) => describeType(catalog, column.type, column.modifier);
  const chosen = chooseKey({
    table: row,
    columns: all,
    isKeyable: (column) => isNamable(column) && typeOf(column).isKeyable,
    keys: catalog.keys.get(row.oid) ?? [],
    given: keys.get(name),
  });
  if ('reason' in chosen) {
    leftOut.push({ name, ...chosen });
    return [];
  }
  leftOut.push(...columnsLeftOut(all, name));
  if (chosen.mayBeNull) leftOut.push(rowsLeftOut(name, chosen.columns));
  const offered = all.filter((column) => column.isReadable && isNamable(column));
  const columns = offered.map((column) => ({ row: column, type: typeOf(column) }));
  const names = new Map(all.map((column) => [column.number, column.name]));
  const foreignKeys = catalog.foreignKeys.get(row.oid) ?? [];
  return [{ row, columns, key: chosen.columns, foreignKeys, names }];
}

function unreadableReason(
  { session: { user } }: Catalog,
  row: TableRow,
  all: readonly ColumnRow[],
): Omit<LeftOut, 'name'> | undefined {
  if (all.length === 0) return { reason: 'it has no columns', mend: 'add some' };
  if (all.some((column) => column.isReadable)) return undefined;
  return {
    reason: `"${user}" may not read it`,
    mend: `grant select on ${qualified(row)} to "${user}"`,
  };
}

/** Schemas of Weir have no field of this name. */
function isNamable({ name }: ColumnRow): boolean {
  return name !== '__proto__';
}

function columnsLeftOut(columns: readonly ColumnRow[], table: string): LeftOut[] {
  return columns.flatMap((column): LeftOut[] => {
    const name = `${table}.${column.name}`;
    if (!column.isReadable) {
      const mend = `grant select ("${column.name}") on ${table}`;
      return [{ name, reason: 'the user may not read the column', mend }];
    }
    if (isNamable(column)) return [];
    const mend = 'offer a view that calls it otherwise';
    return [{ name, reason: 'no field can be called so', mend }];
  });
}

function rowsLeftOut(table: string, key: readonly string[]): LeftOut {
  const columns = key.join(', ');
  const reason = `without a value they have no key, which is ${columns}`;
  return { name: `${table}, rows without ${columns}`, reason, mend: 'give them one' };
}
