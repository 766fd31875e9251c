import type { TypedDraft } from './draft.ts';
import type { ForeignKeyRow } from './introspect-queries.ts';
import type { LeftOut } from './model.ts';
import { qualified } from './names.ts';
import type { Link } from './runtime/table.ts';

/** Where targets are found, and where to write what is left out. */
export interface Linking {
  readonly byTable: ReadonlyMap<number, TypedDraft>;
  readonly leftOut: LeftOut[];
}

/** The foreign keys of which a row holds the key of its target, by the name of their ref. */
export function linksOf(
  draft: TypedDraft,
  { byTable, leftOut }: Linking,
): Readonly<Record<string, Link>> {
  const links: Record<string, Link> = {};
  for (const foreignKey of draft.foreignKeys) {
    const target = byTable.get(foreignKey.target);
    if (!target) continue;
    const columns = columnsFor(draft, target, foreignKey);
    if (columns) links[linkName(columns, links)] = { type: target.type, columns };
    else leftOut.push(linkLeftOut(draft, target, foreignKey));
  }
  return links;
}

/** The columns that hold the target's key, in the order of that key. */
function columnsFor(
  draft: TypedDraft,
  target: TypedDraft,
  { columns, targetColumns }: ForeignKeyRow,
): string[] | undefined {
  if (columns.length !== target.key.length) return undefined;
  const offered = new Set(draft.columns.map(({ row }) => row.name));
  const found = target.key.map((name) => {
    const at = targetColumns.findIndex((number) => target.names.get(number) === name);
    return draft.names.get(columns[at] ?? 0) ?? '';
  });
  return found.every((name) => offered.has(name)) ? found : undefined;
}

function linkLeftOut(draft: TypedDraft, target: TypedDraft, { name }: ForeignKeyRow): LeftOut {
  return {
    name: `${qualified(draft.row)} → ${target.type} (${name})`,
    reason: `a row does not hold the key of ${target.type}, which is ${target.key.join(', ')}`,
    mend: `choose the columns that it holds as the key, with --key ${qualified(target.row)}=…`,
  };
}

/** `customer_id` → `customer`. */
function linkName(columns: readonly string[], taken: object): string {
  const [only = ''] = columns;
  const short =
    columns.length === 1 ? only.replace(/(?<=.)_?(?:id|Id|ID)$/, '') : columns.join('_');
  for (let number = 1; ; number++) {
    const name = number === 1 ? short : `${short}_${number}`;
    if (!Object.hasOwn(taken, name) && name !== '__proto__') return name;
  }
}
