import type { JsonSchema } from '@weir/sdk/provider';
import {
  applied,
  dictionary,
  docstring,
  type Expression,
  flatText,
  render,
  textLiteral,
  wrapped,
} from './literal.ts';
import { className, createTaken, isIdentifier } from './names.ts';

/** The types of a project's values. */
export interface ValueTexts {
  /** The whole module. */
  readonly text: string;
  /** The type of the values of a context, by its name. */
  readonly byContext: ReadonlyMap<string, string>;
}

/** Schemas of values: of each context its own, and those that they refer to. */
export interface ValueSchemas {
  readonly contexts: readonly { readonly type: string; readonly schema: JsonSchema }[];
  readonly definitions: Readonly<Record<string, JsonSchema>>;
  /** What the module says of itself. */
  readonly about: string;
}

/** What the module imports; no type of its own is called so. */
const imported = ['Any', 'Literal', 'NotRequired', 'TypeAlias', 'TypedDict', 'Union'];
const builtIn = ['bool', 'dict', 'float', 'int', 'list', 'str', 'None', 'True', 'False'];
/** Not more alternatives, and not deeper, than one can read. */
const alternativesMax = 200;
const depthMax = 16;

const refPrefix = '#/$defs/';

/** Types of all values, from their schemas: a `TypedDict` for what has members, else an alias. */
export function valueTexts({ contexts, definitions, about }: ValueSchemas): ValueTexts {
  const writer = createWriter(definitions);
  const byContext = new Map<string, string>();
  for (const name of Object.keys(definitions)) writer.declare(name);
  for (const { type, schema } of contexts) {
    const isReference = typeof schema.$ref === 'string' && Object.keys(schema).length === 1;
    const name = isReference ? writer.nameOf(refName(schema)) : undefined;
    byContext.set(type, name ?? writer.declareOwn(`${type}Value`, schema));
  }
  const used = imported.filter((name) => writer.blocks.some((block) => wordIn(name, block)));
  const head = `${docstring([about])}\n`;
  const imports = used.length > 0 ? [`from typing import ${used.join(', ')}\n`] : [];
  return { text: `${[head, ...imports].join('\n')}${writer.blocks.join('')}`, byContext };
}

function wordIn(name: string, text: string): boolean {
  return new RegExp(`\\b${name}\\b`).test(text);
}

function createWriter(definitions: ValueSchemas['definitions']) {
  const take = createTaken([...imported, ...builtIn]);
  const names = new Map(Object.keys(definitions).map((name) => [name, take(className(name))]));
  const loops = loopingNames(definitions);
  const blocks: string[] = [];

  const declareAs = (name: string, schema: JsonSchema): void => {
    const members = membersOf(schema, definitions);
    if (members) blocks.push(classText(name, schema, members));
    else blocks.push(aliasText(name, schema));
  };

  const classText = (name: string, schema: JsonSchema, members: Members): string => {
    const said = textOf(schema.description);
    const fields = Object.entries(members.properties).map(([field, held]) => {
      const type = typeOf(held, name + className(field), 1);
      const isRequired = members.required.has(field);
      return { field, held, type: isRequired ? type : generic('NotRequired', [type]) };
    });
    if (fields.every(({ field }) => isMember(field))) {
      const lines = fields.flatMap(({ field, held, type }) => {
        return [...commentLines(held), render(type, `    ${field}: `)];
      });
      const doc = said === '' ? [] : [docstring([said], 4), ''];
      return `\n\nclass ${name}(TypedDict):\n${[...doc, ...lines].join('\n')}\n`;
    }
    const held = dictionary(fields.map(({ field, type }) => [field, type]));
    const value = applied('TypedDict', [textLiteral(name), held]);
    return `${commentAbove(said)}${render(value, `${name} = `)}\n`;
  };

  const aliasText = (name: string, schema: JsonSchema): string => {
    const type = typeOf(schema, name, 0);
    return `${commentAbove(textOf(schema.description))}${render(type, `${name}: TypeAlias = `)}\n`;
  };

  /** Types by other names stand in quotes, since they may come later. */
  const typeOf = (schema: JsonSchema, name: string, depth: number): Expression => {
    if (depth > depthMax) return 'Any';
    if (schema.const !== undefined) return literalType([schema.const]);
    if (Array.isArray(schema.enum)) return literalType(schema.enum);
    if (typeof schema.$ref === 'string') return refType(schema);
    if (depth > 0 && membersOf(schema, definitions)) return textLiteral(declareOwn(name, schema));
    for (const keyword of ['oneOf', 'anyOf']) {
      const parts = listOf(schema[keyword]);
      if (parts.length === 0) continue;
      return union(parts.map((part, at) => typeOf(part, `${name}${at + 1}`, depth + 1)));
    }
    const [only, ...more] = listOf(schema.allOf);
    if (only && more.length === 0) return typeOf(only, name, depth);
    return plainType(schema, name, depth);
  };

  const plainType = (schema: JsonSchema, name: string, depth: number): Expression => {
    const types = Array.isArray(schema.type) ? schema.type : schema.type ? [schema.type] : [];
    if (types.length === 0 && schema.items !== undefined) types.push('array');
    if (types.length === 0) return 'Any';
    return union(
      types.map((type) => {
        if (type === 'array') {
          return generic('list', [typeOf(schemaOf(schema.items), `${name}Item`, depth + 1)]);
        }
        if (type !== 'object') return plain[String(type)] ?? 'Any';
        const rest = schemaOf(schema.additionalProperties);
        return generic('dict', ['str', typeOf(rest, `${name}Value`, depth + 1)]);
      }),
    );
  };

  const refType = (schema: JsonSchema): Expression => {
    const name = names.get(refName(schema));
    return name === undefined ? 'Any' : textLiteral(name);
  };

  const declareOwn = (wanted: string, schema: JsonSchema): string => {
    const name = take(className(wanted));
    declareAs(name, schema);
    return name;
  };

  return {
    blocks,
    declareOwn,
    nameOf: (name: string) => names.get(name),
    declare(name: string): void {
      const own = names.get(name) ?? name;
      const schema = definitions[name] ?? {};
      if (loops.has(name)) blocks.push(loopText(own));
      else declareAs(own, schema);
    },
  };
}

const plain: Readonly<Record<string, string>> = {
  string: 'str',
  integer: 'int',
  number: 'float',
  boolean: 'bool',
  null: 'None',
};

/** What an object has, its `allOf` put together. */
interface Members {
  readonly properties: Readonly<Record<string, JsonSchema>>;
  readonly required: ReadonlySet<string>;
}

/** Undefined: it is not surely an object with members. */
function membersOf(
  schema: JsonSchema,
  definitions: ValueSchemas['definitions'],
  depth = 0,
): Members | undefined {
  if (depth > depthMax) return undefined;
  if (typeof schema.$ref === 'string') {
    const target = definitions[refName(schema)];
    // By itself it is another name of what it refers to.
    return depth === 0 || !target ? undefined : membersOf(target, definitions, depth + 1);
  }
  const isObject = schema.type === undefined || schema.type === 'object';
  const hasChoice = [schema.oneOf, schema.anyOf].some((each) => listOf(each).some(hasShape));
  if (!isObject || hasChoice || schema.enum !== undefined) return undefined;
  const parts = listOf(schema.allOf).filter(hasShape);
  const inner = parts.map((part) => membersOf(part, definitions, depth + 1));
  if (inner.includes(undefined)) return undefined;
  const own = { properties: propertiesOf(schema), required: new Set(requiredOf(schema)) };
  const all = [...(inner as Members[]), own];
  const properties = Object.assign({}, ...all.map((each) => each.properties));
  if (Object.keys(properties).length === 0) return undefined;
  return { properties, required: new Set(all.flatMap((each) => [...each.required])) };
}

/** Whether a schema says what a value is, and not only what of it is required. */
function hasShape(schema: JsonSchema): boolean {
  return ['$ref', 'type', 'properties', 'items', 'enum', 'const', 'allOf', 'oneOf', 'anyOf'].some(
    (keyword) => schema[keyword] !== undefined,
  );
}

/** Definitions that are made of themselves with no member in between: no type can say that. */
function loopingNames(definitions: ValueSchemas['definitions']): ReadonlySet<string> {
  const looping = new Set<string>();
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) looping.add(name);
    if (path.includes(name) || done.has(name)) return;
    for (const next of inPlaceReferences(definitions[name] ?? {})) visit(next, [...path, name]);
    done.add(name);
  };
  for (const name of Object.keys(definitions)) visit(name, []);
  return looping;
}

function inPlaceReferences(schema: JsonSchema): string[] {
  const parts = ['allOf', 'anyOf', 'oneOf'].flatMap((keyword) => listOf(schema[keyword]));
  const own = typeof schema.$ref === 'string' ? [refName(schema)] : [];
  return [...own, ...parts.flatMap(inPlaceReferences)];
}

function loopText(name: string): string {
  return `${commentAbove('Its schema is made of itself.')}${name}: TypeAlias = Any\n`;
}

/** Names of types in a class would be taken for its members, and so would be wrong. */
function isMember(field: string): boolean {
  return isIdentifier(field) && !builtIn.includes(field) && !/^[A-Z]/.test(field);
}

function generic(name: string, parts: readonly Expression[]): Expression {
  return applied(name, parts, ['[', ']']);
}

function union(alternatives: readonly Expression[]): Expression {
  const distinct = [...new Map(alternatives.map((each) => [flatText(each), each])).values()];
  const isUnsure = distinct.length === 0 || distinct.length > alternativesMax;
  if (isUnsure || distinct.includes('Any')) return 'Any';
  return distinct.length === 1 ? (distinct[0] ?? 'Any') : generic('Union', distinct);
}

function literalType(values: readonly unknown[]): Expression {
  const texts = [...new Set(values.map(valueText))].filter((text) => text !== undefined);
  const isWhole = texts.length > 0 && texts.length <= alternativesMax;
  return isWhole && !values.some((value) => valueText(value) === undefined)
    ? generic('Literal', texts)
    : 'Any';
}

/** Undefined: it is a value that Python has no type of. */
function valueText(value: unknown): string | undefined {
  if (typeof value === 'string') return textLiteral(value);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (value === null) return 'None';
  return Number.isSafeInteger(value) ? String(value) : undefined;
}

function commentAbove(said: string): string {
  return `\n\n${wrapped(said, 98)
    .map((line) => `# ${line}\n`)
    .join('')}`;
}

function commentLines(schema: JsonSchema): string[] {
  return wrapped(textOf(schema.description), 94).map((line) => `    # ${line}`);
}

function refName(schema: JsonSchema): string {
  return String(schema.$ref).slice(refPrefix.length);
}

function propertiesOf({ properties }: JsonSchema): Readonly<Record<string, JsonSchema>> {
  const isMap = typeof properties === 'object' && properties !== null && !Array.isArray(properties);
  return isMap ? (properties as Record<string, JsonSchema>) : {};
}

function requiredOf({ required }: JsonSchema): readonly string[] {
  return Array.isArray(required) ? required.filter((name) => typeof name === 'string') : [];
}

function schemaOf(value: unknown): JsonSchema {
  return typeof value === 'object' && value !== null ? (value as JsonSchema) : {};
}

function listOf(value: unknown): readonly JsonSchema[] {
  return Array.isArray(value) ? value.map(schemaOf) : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
