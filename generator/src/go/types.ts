import type { JsonSchema } from '@weir/sdk/provider';
import { goComment } from './literal.ts';
import { freeName, goName } from './names.ts';

/** How schemas become types of Go. */
export interface TypesOptions {
  /** Names that no type may have. */
  readonly reserved?: readonly string[] | undefined;
  /** What `#/$defs/NAME` means. Default: nothing is known. */
  readonly definitions?: Readonly<Record<string, JsonSchema>> | undefined;
  /** A type for a schema that has one of its own. Default: none has. */
  readonly special?: ((schema: JsonSchema) => string | undefined) | undefined;
}

/** Types of Go as they are declared. */
export interface Types {
  /** Keeps a name for a type that is declared later. */
  reserve(name: string): string;
  /** Declares a type of a reserved name, and what it is made of. */
  declare(name: string, schema: JsonSchema): void;
  /** What was declared since the last time, as Go; empty when there is nothing. */
  take(): string;
}

/** A type as it stands in a field: whether nil can say that it is absent. */
interface GoType {
  readonly text: string;
  readonly hasNil: boolean;
}

const anything: GoType = { text: 'any', hasNil: true };
const scalars: Readonly<Record<string, GoType>> = {
  string: { text: 'string', hasNil: false },
  integer: { text: 'int64', hasNil: false },
  number: { text: 'float64', hasNil: false },
  boolean: { text: 'bool', hasNil: false },
};
/** Members that encoding/json can name in a tag. */
const taggable = /^[\p{L}\p{Nd}!#$%&()*+\-./:;<=>?@[\]^_{|}~ ]+$/u;
/** How deep objects are put together of others. */
const depthMax = 16;
/** int64 holds all of these. */
const intMax = 2 ** 63;

/** Makes types of Go of schemas. What has no type that surely holds it is `any`. */
export function createTypes(options: TypesOptions = {}): Types {
  const { definitions = {}, special = () => undefined } = options;
  const taken = new Set(options.reserved ?? []);
  const named = new Map<string, string>();
  const declared: string[] = [];

  const typeOf = (schema: JsonSchema, name: string): GoType => {
    const own = special(schema);
    if (own !== undefined) return { text: own, hasNil: false };
    const { type, anyOf, oneOf, allOf, $ref, enum: values } = schema;
    if (typeof $ref === 'string') return refType($ref);
    const parts = anyOf ?? oneOf;
    if (Array.isArray(parts)) return unionType(parts as JsonSchema[], name);
    if (Array.isArray(allOf)) {
      return allOf.length === 1 && !schema.properties
        ? typeOf(allOf[0] as JsonSchema, name)
        : objectType(schema, name);
    }
    if (Array.isArray(type)) {
      return unionType(
        type.map((one) => ({ ...schema, type: one as string })),
        name,
      );
    }
    if (type === undefined && Array.isArray(values)) return enumType(values);
    if (type === 'array') {
      return { text: `[]${typeOf(Object(schema.items ?? {}), `${name}Item`).text}`, hasNil: true };
    }
    if (type === 'object') return objectType(schema, name);
    if (type === 'integer' && !isInt64(schema)) return anything;
    return (typeof type === 'string' && scalars[type]) || anything;
  };

  const unionType = (parts: readonly JsonSchema[], name: string): GoType => {
    const rest = parts.filter(({ type }) => type !== 'null');
    const [only] = rest;
    if (!only || rest.length > 1) return anything;
    const inner = typeOf(only, name);
    return rest.length === parts.length || inner.hasNil ? inner : pointer(inner);
  };

  const objectType = (schema: JsonSchema, name: string): GoType => {
    const { additionalProperties, allOf } = schema;
    if (membersOf(schema)) {
      const own = freeName(name, taken);
      declareStruct(own, schema);
      return { text: `*${own}`, hasNil: true };
    }
    if (allOf !== undefined) return anything;
    const isMap = typeof additionalProperties === 'object' && additionalProperties !== null;
    const values = isMap ? typeOf(additionalProperties as JsonSchema, `${name}Value`).text : 'any';
    return { text: `map[string]${values}`, hasNil: true };
  };

  const refType = ($ref: string): GoType => {
    const key = keyOf($ref);
    const target = definitionOf(key);
    if (!target) return anything;
    // Only what has members becomes a type of its own: it may hold itself.
    if (!membersOf(target)) return isPlain(target) ? typeOf(target, goName(key)) : anything;
    let name = named.get(key);
    if (name === undefined) {
      name = freeName(goName(key), taken);
      named.set(key, name);
      declareStruct(name, target);
    }
    return { text: `*${name}`, hasNil: true };
  };

  const definitionOf = (key: string) =>
    Object.hasOwn(definitions, key) ? definitions[key] : undefined;

  /** The members of an object, also of one that is made of several; undefined: it is none, or no one object. */
  const membersOf = (schema: JsonSchema, depth = 0): Members | undefined => {
    const { $ref, allOf, anyOf, oneOf, properties, required } = schema;
    if (anyOf !== undefined || oneOf !== undefined || depth > depthMax) return undefined;
    if (typeof $ref === 'string') {
      const target = definitionOf(keyOf($ref));
      return target && membersOf(target, depth + 1);
    }
    const parts = Array.isArray(allOf) ? (allOf as JsonSchema[]) : [];
    const own = parts.map((part) => membersOf(part, depth + 1));
    const isObject = schema.type === 'object' || schema.type === undefined;
    if (!isObject || own.includes(undefined)) return undefined;
    const all = {
      properties: Object.assign({}, ...own.map((part) => part?.properties), properties),
      required: [...own.flatMap((part) => part?.required ?? []), ...textsOf(required)],
    };
    return Object.keys(all.properties).length > 0 || depth > 0 ? all : undefined;
  };

  const declareStruct = (name: string, schema: JsonSchema): void => {
    const place = declared.push('') - 1;
    const members = membersOf(schema);
    const required = new Set(members?.required);
    const names = new Set<string>();
    const fields = Object.entries(members?.properties ?? {}).flatMap(
      ([member, property]): Field[] => {
        if (!taggable.test(member)) return [];
        const field = freeName(goName(member), names);
        const type = typeOf(Object(property), `${name}${field}`);
        const isRequired = required.has(member);
        return [
          {
            name: field,
            type: (isRequired || type.hasNil ? type : pointer(type)).text,
            tag: `\`json:"${tagName(member, !isRequired)}"\``,
            said: typeof property?.description === 'string' ? property.description : '',
          },
        ];
      },
    );
    declared[place] = structText(name, schema, fields);
  };

  return {
    reserve: (name) => freeName(name, taken),
    declare(name, schema) {
      const key = typeof schema.$ref === 'string' ? keyOf(schema.$ref) : '';
      const isNamed = named.has(key);
      if (key !== '' && !isNamed) named.set(key, name);
      if (membersOf(schema) && !isNamed) {
        return declareStruct(name, { ...definitionOf(key), ...schema });
      }
      const place = declared.push('') - 1;
      const { text } = typeOf(schema, `${name}Value`);
      declared[place] = `${aboutText(name, schema)}type ${name} ${text}\n`;
    },
    take: () => declared.splice(0).join('\n'),
  };
}

interface Members {
  readonly properties: Readonly<Record<string, JsonSchema>>;
  readonly required: readonly string[];
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

/** The definition that a reference means. */
function keyOf($ref: string): string {
  return $ref.startsWith('#/$defs/') ? $ref.slice(8) : '';
}

/** Whether a schema holds no other that could lead back to it. */
function isPlain({ type, anyOf, oneOf, allOf }: JsonSchema): boolean {
  return typeof type === 'string' && type in scalars && !anyOf && !oneOf && !allOf;
}

function isInt64({ minimum, maximum, format }: JsonSchema): boolean {
  const isWithin = (bound: unknown) => typeof bound !== 'number' || Math.abs(bound) < intMax;
  return isWithin(minimum) && isWithin(maximum) && format !== 'uint64';
}

function enumType(values: readonly unknown[]): GoType {
  const rest = values.filter((value) => value !== null);
  if (rest.length === 0 || !rest.every((value) => typeof value === 'string')) return anything;
  const text = scalars.string as GoType;
  return rest.length === values.length ? text : pointer(text);
}

function pointer({ text }: GoType): GoType {
  return { text: `*${text}`, hasNil: true };
}

function tagName(member: string, isOmitted: boolean): string {
  if (isOmitted) return `${member},omitempty`;
  return member === '-' ? '-,' : member;
}

interface Field {
  readonly name: string;
  readonly type: string;
  readonly tag: string;
  readonly said: string;
}

/** gofmt aligns the fields of a row; a comment ends it. */
function structText(name: string, schema: JsonSchema, fields: readonly Field[]): string {
  const lines: string[] = [];
  for (let at = 0; at < fields.length; ) {
    const next = fields.findIndex((field, place) => place > at && field.said !== '');
    const run = fields.slice(at, next === -1 ? undefined : next);
    const [first] = run;
    if (first && first.said !== '') lines.push(`// ${first.name}: ${goComment(first.said)}`);
    const names = Math.max(...run.map((field) => width(field.name)));
    const types = Math.max(...run.map((field) => width(field.type)));
    lines.push(
      ...run.map((each) => `${padded(each.name, names)} ${padded(each.type, types)} ${each.tag}`),
    );
    at += run.length;
  }
  const body = lines.length === 0 ? '{}' : `{\n${lines.map((line) => `\t${line}\n`).join('')}}`;
  return `${aboutText(name, schema)}type ${name} struct ${body}\n`.replace('struct {}', 'struct{}');
}

function width(text: string): number {
  return [...text].length;
}

function padded(text: string, to: number): string {
  return text + ' '.repeat(to - width(text));
}

function aboutText(name: string, { description, title }: JsonSchema): string {
  const said = [description, title].find((text) => typeof text === 'string' && text !== '');
  return said === undefined || said === name ? '' : `// ${name}: ${goComment(String(said))}\n`;
}
