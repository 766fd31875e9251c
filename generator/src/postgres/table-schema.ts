import type { JsonSchema } from '@weir/sdk/provider';
import { nullable } from './describe-type.ts';
import type { DraftColumn, LinkedDraft } from './draft.ts';
import type { Marks } from './marks.ts';
import { kindOf } from './model.ts';
import { qualified } from './names.ts';
import type { Link } from './runtime/table.ts';

/** What the schema of a table is made from, besides its columns. */
export interface SchemaParts {
  readonly linksMember: string;
  readonly marks: Marks;
  readonly referredBy: readonly Link[];
}

const commentMaxChars = 1_000;
/** Tables that refer to this one, as far as the description names them. */
const referredByMax = 20;
/** As many schemas and bytes as Weir takes of one type, with some room. */
const schemasMax = 1_900;
const sizeMaxBytes = 200 * 1024;

/** The JSON Schema of the rows of a table. */
export function schemaOf(draft: LinkedDraft, parts: SchemaParts): JsonSchema {
  const full = tableSchema(draft, parts, (column) => columnSchema(draft, column, parts.marks));
  const isFit = countSchemas(full) <= schemasMax && sizeOf(full) <= sizeMaxBytes;
  // Of a table with very many columns only their names and tags are told.
  return isFit ? full : tableSchema(draft, parts, ({ row }) => tagsOf(row.name, parts.marks));
}

function tableSchema(
  draft: LinkedDraft,
  { linksMember, marks, referredBy }: SchemaParts,
  describe: (column: DraftColumn) => JsonSchema,
): JsonSchema {
  const { columns, links, type } = draft;
  const properties = columns.map((column) => [column.row.name, describe(column)]);
  const refs = Object.entries(links).map(([name, link]) => {
    const description = `the ref of the ${link.type} that ${link.columns.join(', ')} stands for`;
    const marked = link.columns.find((column) => marks.has(column)) ?? '';
    return [name, { type: 'string', description, ...tagsOf(marked, marks) }];
  });
  const linked = refs.length > 0 && {
    [linksMember]: { type: 'object', properties: Object.fromEntries(refs) },
  };
  const required = columns.map(({ row }) => row.name);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: type,
    description: descriptionOf(draft, referredBy),
    type: 'object',
    properties: { ...Object.fromEntries(properties), ...linked },
    required: [...required, ...(linked ? [linksMember] : [])],
  };
}

function columnSchema({ key }: LinkedDraft, { row, type }: DraftColumn, marks: Marks): JsonSchema {
  const value = row.isRequired || key.includes(row.name) ? type.schema : nullable(type.schema);
  const description = row.comment?.slice(0, commentMaxChars).toWellFormed() ?? value.description;
  return { ...value, ...(description && { description }), ...tagsOf(row.name, marks) };
}

/** So that policies can hide what is marked by its tag, in every type at once. */
function tagsOf(name: string, marks: Marks): JsonSchema {
  const mark = marks.get(name);
  return mark ? { 'x-weir-tags': [mark.level] } : {};
}

function descriptionOf({ row, key }: LinkedDraft, referredBy: readonly Link[]): string {
  const comment = row.comment
    ?.slice(0, commentMaxChars)
    .toWellFormed()
    .replace(/\.?\s*$/, '. ');
  const lists = referredBy.slice(0, referredByMax).map(({ type, columns }) => {
    const words = columns.map((name) => `${encodeURIComponent(name)}=…`).join(' ');
    return ` ${type} rows that refer to it: list ${type} with the words "${words}".`;
  });
  const what = `A row of the ${kindOf(row)} ${qualified(row)}; its key is ${key.join('/')}.`;
  return `${comment ?? ''}${what}${lists.join('')}`;
}

/** How many schemas lie within one, about. */
function countSchemas(schema: unknown): number {
  if (typeof schema !== 'object' || schema === null) return 0;
  return Object.values(schema).reduce((sum: number, inner) => sum + countSchemas(inner), 1);
}

function sizeOf(schema: JsonSchema): number {
  return Buffer.byteLength(JSON.stringify(schema));
}
