import type { MarkedField } from '../suggest/policy.ts';
import { draftOf, type LinkedDraft } from './draft.ts';
import type { Catalog } from './introspect.ts';
import type { TableRow } from './introspect-queries.ts';
import { linksOf } from './links.ts';
import { keyRemarks, levelOf, type Marks, markedFields, marksOfAll } from './marks.ts';
import { nameTypes, qualified } from './names.ts';
import type { Link, Table } from './runtime/table.ts';
import { safetyRemarks } from './safety-remarks.ts';
import { schemaOf } from './table-schema.ts';
import { titleColumnOf } from './title-column.ts';

/** What is offered of a database. */
export interface Model {
  readonly database: string;
  readonly description: string;
  readonly tables: readonly OfferedTable[];
  /** What looks personal or secret, for a policy. */
  readonly marked: readonly MarkedField[];
  /** What is not offered, and why. */
  readonly leftOut: readonly LeftOut[];
  /** What whoever runs it should know. */
  readonly remarks: readonly string[];
}

/** A table that is offered, with what its description needs. */
export interface OfferedTable extends Table {
  readonly kind: TableKind;
  readonly description: string;
  /** Rows of other tables that refer to a row of this one: list them by `type` and `columns`. */
  readonly referredBy: readonly Link[];
}

/** A table, column or link that is not offered. */
export interface LeftOut {
  /** Such as `public.orders`, or `public.orders.note`. */
  readonly name: string;
  readonly reason: string;
  /** What to do about it. */
  readonly mend: string;
}

/** What is chosen by hand. */
export interface ModelOptions {
  /** Columns that make the key, by `schema.table`. Default: those of the primary or a unique key. */
  readonly keys?: ReadonlyMap<string, readonly string[]> | undefined;
  /** Names of context types, by `schema.table`. Default: made from the names of the tables. */
  readonly types?: ReadonlyMap<string, string> | undefined;
  /** What the names of types begin with, so that they differ from others' types. Default: nothing. */
  readonly typePrefix?: string | undefined;
  /** The version of the types, semver: raise it when tables have changed. Default: `1.0.0`. */
  readonly typeVersion?: string | undefined;
  /** Only tables of which this says so; told `schema.table`. Default: all. */
  readonly include?: ((name: string) => boolean) | undefined;
  /** Whether the database is told of callers. Default: no. */
  readonly tellCaller?: boolean | undefined;
}

const kinds = {
  r: 'table',
  p: 'partitioned table',
  v: 'view',
  m: 'materialized view',
  f: 'foreign table',
} as const;

type TableKind = (typeof kinds)[keyof typeof kinds];

/** What a table is, for people. */
export function kindOf({ kind }: TableRow): TableKind {
  return kinds[kind];
}

/**
 * Decides what of a database is offered, and as what.
 *
 * @throws {Error} when what was chosen by hand cannot be.
 */
export function modelOf(catalog: Catalog, options: ModelOptions = {}): Model {
  const { keys = new Map(), types = new Map(), include = () => true, tellCaller = false } = options;
  const wanted = catalog.tables.filter((table) => include(qualified(table)));
  refuseUnknown('--key', keys, wanted);
  refuseUnknown('--type', types, wanted);
  const leftOut: LeftOut[] = [];
  const drafts = wanted.flatMap((row) => draftOf(catalog, row, { keys, leftOut }));
  const rows = drafts.map(({ row }) => row);
  const names = nameTypes(rows, { types, prefix: options.typePrefix });
  const typed = drafts.map((draft) => ({ ...draft, type: names.get(draft.row)?.type ?? '' }));
  const byTable = new Map(typed.map((draft) => [draft.row.oid, draft]));
  const linked = typed.map((draft) => ({ ...draft, links: linksOf(draft, { byTable, leftOut }) }));
  const marks = marksOfAll(linked);
  const referrers = referrersOf(linked);
  const whole = linked.map((draft) => {
    const own = marks.get(draft.type) ?? new Map();
    const referredBy = referrers.get(draft.type) ?? [];
    const version = options.typeVersion ?? '1.0.0';
    const table = { ...offeredTable(draft, own, referredBy), version };
    return { table, marked: markedFields(table, own), remarks: keyRemarks(draft, own) };
  });
  const renamed = rows.flatMap((row) => {
    const { type, remark } = names.get(row) ?? {};
    return remark
      ? [`${qualified(row)} is called ${type}, since ${remark}: choose with --type`]
      : [];
  });
  return {
    database: catalog.session.database,
    description: catalog.session.comment ?? '',
    tables: whole.map(({ table }) => table),
    marked: whole.flatMap(({ marked }) => marked),
    leftOut,
    remarks: [
      ...safetyRemarks(catalog, wanted, tellCaller),
      ...whole.flatMap(({ remarks }) => remarks),
      ...renamed,
    ],
  };
}

function refuseUnknown(
  option: string,
  given: ReadonlyMap<string, unknown>,
  tables: readonly TableRow[],
): void {
  const known = new Set(tables.map(qualified));
  for (const name of given.keys()) {
    if (known.has(name)) continue;
    throw new Error(`${option} ${name}: there is no such table; write it as schema.table`);
  }
}

/** What refers to each type. */
function referrersOf(drafts: readonly LinkedDraft[]): ReadonlyMap<string, readonly Link[]> {
  const referrers = new Map<string, Link[]>();
  for (const { type, links } of drafts) {
    for (const link of Object.values(links)) {
      const found = referrers.get(link.type) ?? [];
      referrers.set(link.type, [...found, { type, columns: link.columns }]);
    }
  }
  return referrers;
}

const defaultTtlMs = 5_000;
const defaultLinksMember = 'refs';

function offeredTable(draft: LinkedDraft, marks: Marks, referredBy: readonly Link[]): OfferedTable {
  const { row, columns, links, key, type } = draft;
  const names = new Set(columns.map((column) => column.row.name));
  let linksMember = defaultLinksMember;
  while (names.has(linksMember)) linksMember += '_';
  const titleColumn = titleColumnOf(draft, marks);
  const filters = [...new Set(Object.values(links).flatMap((link) => link.columns))];
  return {
    kind: kindOf(row),
    description: row.comment ?? '',
    referredBy,
    type,
    version: '1.0.0',
    title: row.name.replace(/\p{Cc}+/gu, ' '),
    jsonSchema: schemaOf(draft, { linksMember, marks, referredBy }),
    schema: row.schema,
    name: row.name,
    columns: Object.fromEntries(
      columns.map(({ row: { name }, type: { sql, codec } }) => [name, { sql, codec }]),
    ),
    key,
    ...(titleColumn !== undefined && { titleColumn }),
    ...(Object.keys(links).length > 0 && { links, linksMember }),
    filters: filters.filter((name) => !marks.has(name)),
    sensitivity: levelOf(marks),
    ttlMs: defaultTtlMs,
  };
}
