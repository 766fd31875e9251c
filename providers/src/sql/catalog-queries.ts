/**
 * The queries that read PostgreSQL's catalogs, one for each kind of thing. They name every function
 * with its schema, so that a search path cannot put another in its place, and take no parameters.
 */

/** Schemas that are the system's own are left out. */
const ownSchemas = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`;

/** Relations that hold data. Partitions are left out, since the partitioned table describes them. */
const ownRelations = `c.relkind in ('r', 'p', 'f', 'v', 'm') and not c.relispartition and ${ownSchemas}
    and not exists (select from pg_catalog.pg_depend e
      where e.classid = 'pg_catalog.pg_class'::regclass and e.objid = c.oid and e.deptype = 'e')`;

/** Names of columns by their numbers, in order. */
const columnNames = (relation: string, numbers: string) =>
  `(select pg_catalog.json_agg(a.attname order by u.place)
    from pg_catalog.unnest(${numbers}) with ordinality as u(attnum, place)
    join pg_catalog.pg_attribute a on a.attrelid = ${relation} and a.attnum = u.attnum)`;

export interface DatabaseRow {
  readonly version: string;
  readonly defaultSchema: string | null;
  readonly comment: string | null;
  readonly schemas: readonly { readonly name: string; readonly comment: string | null }[] | null;
  readonly extensions: readonly string[] | null;
}

export const databaseQuery = `
select pg_catalog.current_setting('server_version') as version,
  pg_catalog.current_schema() as "defaultSchema",
  pg_catalog.shobj_description(d.oid, 'pg_database') as comment,
  (select pg_catalog.json_agg(pg_catalog.json_build_object('name', n.nspname,
      'comment', pg_catalog.obj_description(n.oid, 'pg_namespace')) order by n.nspname)
    from pg_catalog.pg_namespace n where ${ownSchemas}) as schemas,
  (select pg_catalog.json_agg(e.extname order by e.extname) from pg_catalog.pg_extension e) as extensions
from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()`;

export interface TableRow {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'r' | 'p' | 'f' | 'v' | 'm';
  readonly comment: string | null;
  readonly rowEstimate: number;
  readonly definition: string | null;
  readonly partitioning: string | null;
}

export const tableQuery = `
select c.oid, n.nspname as schema, c.relname as name, c.relkind as kind,
  pg_catalog.obj_description(c.oid, 'pg_class') as comment,
  c.reltuples::float8 as "rowEstimate",
  case when c.relkind in ('v', 'm') then pg_catalog.pg_get_viewdef(c.oid, true) end as definition,
  case when c.relkind = 'p' then pg_catalog.pg_get_partkeydef(c.oid) end as partitioning
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where ${ownRelations}
order by n.nspname, c.relname`;

export interface ColumnRow {
  readonly table: number;
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly expression: string | null;
  readonly isGenerated: boolean;
  readonly identity: '' | 'a' | 'd';
  readonly enumType: number | null;
  readonly collation: string | null;
  readonly comment: string | null;
}

export const columnQuery = `
select a.attrelid as table, a.attname as name,
  pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
  not a.attnotnull as nullable,
  pg_catalog.pg_get_expr(d.adbin, d.adrelid) as expression,
  a.attgenerated <> '' as "isGenerated", a.attidentity as identity,
  case 'e' when t.typtype then t.oid when b.typtype then b.oid end as "enumType",
  case when a.attcollation <> t.typcollation then l.collname end as collation,
  pg_catalog.col_description(a.attrelid, a.attnum) as comment
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_type t on t.oid = a.atttypid
left join pg_catalog.pg_type b on b.oid = coalesce(nullif(t.typelem, 0), nullif(t.typbasetype, 0))
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
left join pg_catalog.pg_collation l on l.oid = a.attcollation
where a.attnum > 0 and not a.attisdropped and ${ownRelations}
order by a.attrelid, a.attnum`;

type ActionCode = 'a' | 'r' | 'c' | 'n' | 'd';

export interface ConstraintRow {
  readonly table: number;
  readonly kind: 'p' | 'u' | 'f' | 'c';
  readonly name: string;
  readonly columns: readonly string[] | null;
  readonly targetSchema: string | null;
  readonly targetName: string | null;
  readonly targetColumns: readonly string[] | null;
  readonly onDelete: ActionCode | ' ';
  readonly onUpdate: ActionCode | ' ';
  readonly deferrable: boolean;
  readonly expression: string | null;
  readonly comment: string | null;
}

export const constraintQuery = `
select k.conrelid as table, k.contype as kind, k.conname as name,
  ${columnNames('k.conrelid', 'k.conkey')} as columns,
  tn.nspname as "targetSchema", tc.relname as "targetName",
  ${columnNames('k.confrelid', 'k.confkey')} as "targetColumns",
  k.confdeltype as "onDelete", k.confupdtype as "onUpdate", k.condeferrable as deferrable,
  case when k.contype = 'c' then pg_catalog.pg_get_expr(k.conbin, k.conrelid, true) end as expression,
  pg_catalog.obj_description(k.oid, 'pg_constraint') as comment
from pg_catalog.pg_constraint k
join pg_catalog.pg_class c on c.oid = k.conrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_class tc on tc.oid = k.confrelid
left join pg_catalog.pg_namespace tn on tn.oid = tc.relnamespace
where k.contype in ('p', 'u', 'f', 'c') and k.conparentid = 0 and ${ownRelations}
order by k.conrelid, k.conname`;

export interface IndexRow {
  readonly table: number;
  readonly name: string;
  readonly unique: boolean;
  readonly primary: boolean;
  readonly method: string;
  readonly columns: readonly { readonly expression: string; readonly option: number }[];
  readonly include: readonly string[] | null;
  readonly where: string | null;
  readonly definition: string;
  readonly comment: string | null;
}

export const indexQuery = `
select i.indrelid as table, x.relname as name, i.indisunique as unique, i.indisprimary as primary,
  m.amname as method,
  (select pg_catalog.json_agg(pg_catalog.json_build_object(
      'expression', pg_catalog.pg_get_indexdef(i.indexrelid, s.place, true),
      'option', i.indoption[s.place - 1]) order by s.place)
    from pg_catalog.generate_series(1, i.indnkeyatts) as s(place)) as columns,
  (select pg_catalog.json_agg(pg_catalog.pg_get_indexdef(i.indexrelid, s.place, true) order by s.place)
    from pg_catalog.generate_series(i.indnkeyatts + 1, i.indnatts) as s(place)) as include,
  pg_catalog.pg_get_expr(i.indpred, i.indrelid, true) as where,
  pg_catalog.pg_get_indexdef(i.indexrelid) as definition,
  pg_catalog.obj_description(i.indexrelid, 'pg_class') as comment
from pg_catalog.pg_index i
join pg_catalog.pg_class x on x.oid = i.indexrelid
join pg_catalog.pg_am m on m.oid = x.relam
join pg_catalog.pg_class c on c.oid = i.indrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where i.indislive and ${ownRelations}
order by i.indrelid, x.relname`;

export interface EnumRow {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly values: readonly string[];
  readonly comment: string | null;
}

export const enumQuery = `
select t.oid, n.nspname as schema, t.typname as name,
  (select pg_catalog.json_agg(e.enumlabel order by e.enumsortorder)
    from pg_catalog.pg_enum e where e.enumtypid = t.oid) as values,
  pg_catalog.obj_description(t.oid, 'pg_type') as comment
from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
where t.typtype = 'e' and ${ownSchemas}
order by n.nspname, t.typname`;

export interface RoutineRow {
  readonly kind: 'f' | 'p' | 'a' | 'w';
  readonly schema: string;
  readonly name: string;
  readonly arguments: string;
  readonly returns: string | null;
  readonly language: string;
  readonly comment: string | null;
}

export const routineQuery = `
select p.prokind as kind, n.nspname as schema, p.proname as name,
  pg_catalog.pg_get_function_arguments(p.oid) as arguments,
  pg_catalog.pg_get_function_result(p.oid) as returns,
  l.lanname as language,
  pg_catalog.obj_description(p.oid, 'pg_proc') as comment
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_language l on l.oid = p.prolang
where ${ownSchemas}
  and not exists (select from pg_catalog.pg_depend e
    where e.classid = 'pg_catalog.pg_proc'::regclass and e.objid = p.oid and e.deptype = 'e')
order by n.nspname, p.proname, 4`;
