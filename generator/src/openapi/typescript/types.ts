import type { JsonSchema } from '@weir/sdk/provider';
import { commentText, nameText, quoted } from '../../project/literal.ts';
import { schemaMap } from '../model/look.ts';
import type { ApiModel } from '../model/model.ts';
import { createNames } from '../model/names.ts';

/** The types of a project. */
export interface TypeTexts {
  /** The whole file. */
  readonly text: string;
  /** The type of the values of a context, by its name. */
  readonly byContext: ReadonlyMap<string, string>;
}

type Definitions = ApiModel['definitions'];

const typeMaxChars = 80;

/** Types of all values, from their schemas. */
export function typeTexts({ contexts, definitions }: ApiModel): TypeTexts {
  const names = createNames(Object.keys(definitions));
  const byContext = new Map<string, string>();
  const own: [name: string, schema: JsonSchema][] = [];
  for (const { type, schema } of contexts) {
    const isReference = typeof schema.$ref === 'string' && Object.keys(schema).length === 1;
    if (isReference) byContext.set(type, String(schema.$ref).slice(8));
    else {
      const name = names.take(`${type}Value`, typeMaxChars);
      byContext.set(type, name);
      own.push([name, schema]);
    }
  }
  const loops = loopingNames(definitions);
  const declared = [...Object.entries(definitions), ...own].map(([name, schema]) =>
    declaration(name, schema, loops),
  );
  const head = '// What the API answers with, as its document describes it.\n';
  return { text: [head, ...declared].join('\n'), byContext };
}

function declaration(name: string, schema: JsonSchema, loops: ReadonlySet<string>): string {
  if (loops.has(name)) {
    return `/** Its schema is made of itself. */\nexport type ${name} = unknown;\n`;
  }
  const comment =
    typeof schema.description === 'string' ? `/** ${commentText(schema.description)} */\n` : '';
  return `${comment}export type ${name} = ${typeText(schema, 0)};\n`;
}

/** Definitions that are made of themselves with no member in between: no type can say that. */
function loopingNames(definitions: Definitions): Set<string> {
  const looping = new Set<string>();
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) {
      looping.add(name);
      return;
    }
    if (done.has(name)) return;
    for (const next of inPlaceReferences(definitions[name] ?? {})) visit(next, [...path, name]);
    done.add(name);
  };
  for (const name of Object.keys(definitions)) visit(name, []);
  return looping;
}

function inPlaceReferences(schema: JsonSchema): string[] {
  const parts = ['allOf', 'anyOf', 'oneOf'].flatMap((keyword) => {
    const held = schema[keyword];
    return Array.isArray(held) ? (held as JsonSchema[]) : [];
  });
  const own = typeof schema.$ref === 'string' ? [schema.$ref.slice(8)] : [];
  return [...own, ...parts.flatMap(inPlaceReferences)];
}

const plain: Readonly<Record<string, string>> = {
  string: 'string',
  integer: 'number',
  number: 'number',
  boolean: 'boolean',
  null: 'null',
};

/** The type of a schema. */
function typeText(schema: JsonSchema, indent: number): string {
  if (schema.const !== undefined) return valueText(schema.const);
  if (Array.isArray(schema.enum)) return union(schema.enum.map(valueText));
  const parts: string[] = [];
  if (typeof schema.$ref === 'string') parts.push(schema.$ref.slice(8));
  const shape = shapeText(schema, indent);
  if (shape !== undefined) parts.push(shape);
  for (const part of listOf(schema.allOf)) parts.push(typeText(part, indent));
  for (const keyword of ['oneOf', 'anyOf']) {
    const alternatives = listOf(schema[keyword]).map((each) => typeText(each, indent));
    if (alternatives.length > 0) parts.push(union(alternatives));
  }
  const known = [...new Set(parts)].filter((part) => part !== 'unknown');
  if (known.length === 0) return 'unknown';
  return known.length === 1 ? (known[0] ?? '') : known.map(grouped).join(' & ');
}

/** What `type` and its members say; undefined: nothing. */
function shapeText(schema: JsonSchema, indent: number): string | undefined {
  const types = Array.isArray(schema.type) ? schema.type : schema.type ? [schema.type] : [];
  if (types.length === 0) {
    if (schema.properties !== undefined) return objectText(schema, indent);
    return schema.items === undefined ? undefined : listText(schema, indent);
  }
  // Alternatives tell more than that it is an object.
  const hasParts = ['$ref', 'allOf', 'oneOf', 'anyOf'].some((name) => schema[name] !== undefined);
  const told = types.flatMap((type) => {
    if (type === 'object') {
      return hasParts && schema.properties === undefined ? [] : [objectText(schema, indent)];
    }
    return type === 'array' ? [listText(schema, indent)] : [plain[String(type)] ?? 'unknown'];
  });
  return told.length === 0 ? undefined : union(told);
}

function objectText(schema: JsonSchema, indent: number): string {
  const properties = Object.entries(schemaMap(schema.properties));
  const required = new Set(Array.isArray(schema.required) ? schema.required : []);
  const inner = ' '.repeat(indent + 2);
  const members = properties.map(([name, held]) => {
    const told =
      typeof held.description === 'string'
        ? `${inner}/** ${commentText(held.description)} */\n`
        : '';
    const mark = required.has(name) ? '' : '?';
    return `${told}${inner}readonly ${nameText(name)}${mark}: ${typeText(held, indent + 2)};\n`;
  });
  const object = `{\n${members.join('')}${' '.repeat(indent)}}`;
  const rest = schema.additionalProperties;
  if (typeof rest !== 'object' || rest === null) {
    return members.length === 0 ? '{ readonly [name: string]: unknown }' : object;
  }
  const open = `{ readonly [name: string]: ${typeText(rest as JsonSchema, indent + 2)} }`;
  return members.length === 0 ? open : `${object} & { readonly [name: string]: unknown }`;
}

function listText(schema: JsonSchema, indent: number): string {
  const { items } = schema;
  const element =
    typeof items === 'object' && items !== null ? typeText(items as JsonSchema, indent) : 'unknown';
  return `readonly ${grouped(element)}[]`;
}

/** Not more alternatives than one can read. */
const alternativesMax = 500;

function union(alternatives: readonly string[]): string {
  const distinct = [...new Set(alternatives)];
  if (distinct.includes('unknown') || distinct.length > alternativesMax) return 'unknown';
  return distinct.map(grouped).join(' | ') || 'never';
}

function grouped(text: string): string {
  return /^(?:[A-Za-z0-9_$]+|'(?:[^'\\]|\\.)*'|\{[^{}]*\})$/.test(text) ? text : `(${text})`;
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  return typeof value === 'object' && value !== null ? 'unknown' : String(value);
}

function listOf(value: unknown): JsonSchema[] {
  return Array.isArray(value) ? (value as JsonSchema[]) : [];
}
