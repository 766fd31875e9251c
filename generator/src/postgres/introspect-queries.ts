/**
 * The queries that read what a user may read of a PostgreSQL database (14 or later), one for each
 * kind of thing. They name every function with its schema, so that no search path can put another in
 * its place.
 */

/** Schemas that are the system's own. */
const isOwn = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`;

/** Relations that hold data. Parts are left out, as the table that they are parts of stands for them. */
const isOffered = `c.relkind in ('r', 'p', 'f', 'v', 'm') and not c.relispartition
    and c.relpersistence <> 't' and ${isOwn}
    and pg_catalog.has_schema_privilege(n.oid, 'USAGE')
    and ($1::pg_catalog.text[] is null or n.nspname = any ($1))
    and not exists (select from pg_catalog.pg_depend e
      where e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        and e.objid = c.oid and e.deptype = 'e')`;

export interface SessionRow {
  readonly version: number;
  readonly database: string;
  readonly comment: string | null;
  readonly user: string;
  readonly isSuperuser: boolean;
  readonly bypassesRowSecurity: boolean;
  readonly schemas: readonly string[];
}

export const sessionQuery = `
select pg_catalog.current_setting('server_version_num')::pg_catalog.int4 as version,
  pg_catalog.current_database() as database,
  pg_catalog.shobj_description(d.oid, 'pg_database') as comment,
  r.rolname as user, r.rolsuper as "isSuperuser", r.rolbypassrls as "bypassesRowSecurity",
  (select coalesce(pg_catalog.json_agg(n.nspname order by n.nspname), '[]')
    from pg_catalog.pg_namespace n
    where ${isOwn} and pg_catalog.has_schema_privilege(n.oid, 'USAGE')) as schemas
from pg_catalog.pg_database d, pg_catalog.pg_roles r
where d.datname = pg_catalog.current_database() and r.rolname = current_user`;

export interface TableRow {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'r' | 'p' | 'f' | 'v' | 'm';
  readonly comment: string | null;
  readonly hasRowSecurity: boolean;
  readonly rowSecurityPassedBy: boolean;
}

export const tableQuery = `
select c.oid::pg_catalog.int8 as oid, n.nspname as schema, c.relname as name, c.relkind as kind,
  pg_catalog.obj_description(c.oid, 'pg_class') as comment,
  c.relrowsecurity as "hasRowSecurity",
  c.relrowsecurity and not pg_catalog.row_security_active(c.oid) as "rowSecurityPassedBy"
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where ${isOffered}
order by n.nspname, c.relname`;

export interface ColumnRow {
  readonly table: number;
  readonly number: number;
  readonly name: string;
  readonly type: number;
  readonly modifier: number;
  readonly sql: string;
  readonly isRequired: boolean;
  readonly isReadable: boolean;
  readonly isGenerated: boolean;
  readonly isIdentity: boolean;
  readonly default: string | null;
  readonly comment: string | null;
}

export const columnQuery = `
select a.attrelid::pg_catalog.int8 as table, a.attnum as number, a.attname as name,
  a.atttypid::pg_catalog.int8 as type,
  a.atttypmod as modifier, pg_catalog.format_type(a.atttypid, a.atttypmod) as sql,
  a.attnotnull as "isRequired",
  pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT') as "isReadable",
  a.attgenerated <> '' as "isGenerated", a.attidentity <> '' as "isIdentity",
  pg_catalog.pg_get_expr(d.adbin, d.adrelid) as default,
  pg_catalog.col_description(a.attrelid, a.attnum) as comment
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attnum > 0 and not a.attisdropped and ${isOffered}
order by a.attrelid, a.attnum`;

export interface KeyRow {
  readonly table: number;
  readonly isPrimary: boolean;
  readonly name: string;
  readonly columns: readonly number[];
}

/** Keys that hold for every row and at every moment: no partial, deferred or computed ones. */
export const keyQuery = `
select i.indrelid::pg_catalog.int8 as table, i.indisprimary as "isPrimary", x.relname as name,
  (select pg_catalog.json_agg(k.attnum order by k.place)
    from pg_catalog.unnest(i.indkey::pg_catalog.int2[]) with ordinality as k(attnum, place)
    where k.place <= i.indnkeyatts) as columns
from pg_catalog.pg_index i
join pg_catalog.pg_class x on x.oid = i.indexrelid
join pg_catalog.pg_class c on c.oid = i.indrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null
  and i.indexprs is null and ${isOffered}
order by i.indrelid, not i.indisprimary, i.indnkeyatts, x.relname`;

export interface ForeignKeyRow {
  readonly table: number;
  readonly name: string;
  readonly columns: readonly number[];
  readonly target: number;
  readonly targetColumns: readonly number[];
  readonly comment: string | null;
}

export const foreignKeyQuery = `
select k.conrelid::pg_catalog.int8 as table, k.conname as name, pg_catalog.to_json(k.conkey) as columns,
  k.confrelid::pg_catalog.int8 as target, pg_catalog.to_json(k.confkey) as "targetColumns",
  pg_catalog.obj_description(k.oid, 'pg_constraint') as comment
from pg_catalog.pg_constraint k
join pg_catalog.pg_class c on c.oid = k.conrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where k.contype = 'f' and k.conparentid = 0 and ${isOffered}
order by k.conrelid, k.conname`;

export interface TypeRow {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** How SQL names it. */
  readonly sql: string;
  /** A base type, a composite, a domain, an enum, a range, a multirange, or a pseudo-type. */
  readonly kind: 'b' | 'c' | 'd' | 'e' | 'r' | 'm' | 'p';
  /** Of an array, what its elements are; else 0. */
  readonly element: number;
  /** What stands between elements of an array of this type. */
  readonly delimiter: string;
  /** Of a domain, what it is made of; else 0. */
  readonly base: number;
  readonly baseModifier: number;
  /** Of a composite, its relation; else 0. */
  readonly relation: number;
  /** Of a range or multirange, what it is a range of; else null. */
  readonly subtype: number | null;
  readonly labels: readonly string[] | null;
  readonly checks: readonly string[] | null;
  readonly comment: string | null;
}

export const typeQuery = `
select t.oid::pg_catalog.int8 as oid, n.nspname as schema, t.typname as name, pg_catalog.format_type(t.oid, -1) as sql,
  t.typtype as kind,
  case when t.typsubscript = 'pg_catalog.array_subscript_handler'::pg_catalog.regproc
    then t.typelem::pg_catalog.int8 else 0 end as element,
  t.typdelim as delimiter, t.typbasetype::pg_catalog.int8 as base, t.typtypmod as "baseModifier",
  t.typrelid::pg_catalog.int8 as relation,
  (select r.rngsubtype::pg_catalog.int8 from pg_catalog.pg_range r
    where r.rngtypid = t.oid or r.rngmultitypid = t.oid) as subtype,
  (select pg_catalog.json_agg(e.enumlabel order by e.enumsortorder)
    from pg_catalog.pg_enum e where e.enumtypid = t.oid) as labels,
  (select pg_catalog.json_agg(pg_catalog.pg_get_constraintdef(k.oid, true) order by k.conname)
    from pg_catalog.pg_constraint k where k.contypid = t.oid and k.contype = 'c') as checks,
  pg_catalog.obj_description(t.oid, 'pg_type') as comment
from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
where t.typtype <> 'c' or ${isOwn}
order by t.oid`;

export interface FieldRow {
  readonly relation: number;
  readonly name: string;
  readonly type: number;
  readonly modifier: number;
}

/** The fields of composite types, among them the rows of tables. */
export const fieldQuery = `
select a.attrelid::pg_catalog.int8 as relation, a.attname as name,
  a.atttypid::pg_catalog.int8 as type, a.atttypmod as modifier
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where a.attnum > 0 and not a.attisdropped and c.relkind in ('c', 'r', 'p', 'f', 'v', 'm') and ${isOwn}
order by a.attrelid, a.attnum`;
