import {
  applied,
  call,
  docstring,
  type Expression,
  importLine,
  list,
  literal,
  render,
  textLiteral,
  wrapped,
} from '../../python/literal.ts';
import { createTaken, snakeName } from '../../python/names.ts';
import type { MarkedField } from '../../suggest/policy.ts';
import { pointerOf } from '../marks.ts';
import type { Model, OfferedTable } from '../model.ts';
import type { Codec } from '../runtime/codec.ts';
import type { Link } from '../runtime/table.ts';

/** Where the description of a table stands. */
export interface ContextModule {
  readonly table: OfferedTable;
  /** The module in `contexts`. */
  readonly name: string;
}

/** The module of each table, named after its context type. */
export function contextModules({ tables }: Model): readonly ContextModule[] {
  const take = createTaken();
  return tables.map((table) => ({ table, name: take(snakeName(table.type)) }));
}

/** `contexts/NAME.py`. */
export function contextText(
  { table }: ContextModule,
  marked: readonly MarkedField[],
  valueType: string,
): string {
  const { kind, description, referredBy } = table;
  const lists = referredBy.map(({ type, columns }) => {
    const words = columns.map((name) => `${encodeURIComponent(name)}=…`).join(' ');
    return `${type} rows refer to it: list \`${type}\` with the words \`${words}\``;
  });
  const about = [
    `Rows of the ${kind} \`${table.schema}.${table.name}\``,
    `Values are of the type \`${valueType}\``,
    ...(description ? [description] : []),
    ...lists,
  ];
  const codecs = new Set(Object.values(table.columns).flatMap(({ codec }) => classesOf(codec)));
  const links = Object.keys(table.links ?? {}).length > 0 ? ['Link'] : [];
  const lines = [
    docstring(about),
    '',
    ...(codecs.size > 0 ? [`from ..runtime.codec import ${[...codecs].sort().join(', ')}`] : []),
    `from ..runtime.table import ${['Column', ...links, 'Table'].join(', ')}`,
    'from ..schemas import schema_of',
    '',
    render(tableExpression(table, marked), 'TABLE = '),
  ];
  return `${lines.join('\n')}\n`;
}

function tableExpression(table: OfferedTable, marked: readonly MarkedField[]): Expression {
  const { type, version, title, titleColumn, links, linksMember, filters, ttlMs } = table;
  return call('Table', {
    type: textLiteral(type),
    version: textLiteral(version),
    title: title === undefined ? undefined : textLiteral(title),
    json_schema: `schema_of(${textLiteral(type)})`,
    schema: textLiteral(table.schema),
    name: textLiteral(table.name),
    key: literal(table.key),
    title_column: titleColumn === undefined ? undefined : textLiteral(titleColumn),
    links: links && linksExpression(links),
    links_member: linksMember === undefined ? undefined : textLiteral(linksMember),
    filters: filters && literal(filters),
    sensitivity: table.sensitivity && textLiteral(table.sensitivity),
    ttl: ttlMs === undefined ? undefined : String(ttlMs / 1_000),
    columns: columnsExpression(table, marked),
  });
}

function linksExpression(links: Readonly<Record<string, Link>>): Expression {
  const parts = Object.entries(links).map(([name, { type, columns }]) => ({
    lead: `${textLiteral(name)}: `,
    value: call('Link', { type: textLiteral(type), columns: literal(columns) }),
  }));
  return { open: '{', parts, close: '}' };
}

/** Columns whose names look personal or secret, with the reason above them. */
function columnsExpression(
  { type, columns }: OfferedTable,
  marked: readonly MarkedField[],
): Expression {
  const marks = new Map(
    marked.filter((field) => field.type === type).map((field) => [field.pointer, field]),
  );
  const parts = Object.entries(columns).map(([name, { sql, codec }]) => {
    const mark = marks.get(pointerOf(name));
    return {
      lead: `${textLiteral(name)}: `,
      value: call('Column', { sql: textLiteral(sql), codec: codecExpression(codec) }),
      comment: mark && wrapped(`${mark.level}: ${mark.reason}`, 88),
    };
  });
  return { open: '{', parts, close: '}' };
}

function codecExpression(codec: Codec): Expression {
  if (typeof codec === 'string') return textLiteral(codec);
  if ('array' in codec) {
    const { delimiter } = codec;
    const told = delimiter === undefined || delimiter === ',' ? [] : [textLiteral(delimiter)];
    return applied('Array', [codecExpression(codec.array), ...told]);
  }
  if ('range' in codec) return applied('RangeOf', [codecExpression(codec.range)]);
  if ('multirange' in codec) return applied('Multirange', [codecExpression(codec.multirange)]);
  const parts = Object.entries(codec.record).map(([name, inner]) => ({
    lead: `${textLiteral(name)}: `,
    value: codecExpression(inner),
  }));
  return applied('Record', [{ open: '{', parts, close: '}' }]);
}

/** The classes that a codec is made of. */
function classesOf(codec: Codec): string[] {
  if (typeof codec === 'string') return [];
  if ('array' in codec) return ['Array', ...classesOf(codec.array)];
  if ('range' in codec) return ['RangeOf', ...classesOf(codec.range)];
  if ('multirange' in codec) return ['Multirange', ...classesOf(codec.multirange)];
  return ['Record', ...Object.values(codec.record).flatMap(classesOf)];
}

/** `contexts/__init__.py`. */
export function contextsText(modules: readonly ContextModule[]): string {
  const names = modules.map(({ name }) => name);
  const tables = list(names.map((name) => `${name}.TABLE`));
  const lines = [
    '"""All contexts."""',
    '',
    'from typing import Sequence',
    '',
    'from ..runtime.table import Table',
    importLine('.', names),
    '',
    '# What is offered. Take out what is not wanted.',
    render(tables, 'TABLES: Sequence[Table] = '),
  ];
  return `${lines.join('\n')}\n`;
}
