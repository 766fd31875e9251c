import type { JsonSchema } from '@weir/sdk/provider';
import { DocumentError } from '../read/document-error.ts';
import { isObject, type Json, type JsonObject, listOf, pointerTo } from '../read/json.ts';
import type { ApiDocument } from '../read/read-document.ts';
import { cutDeep } from './fit-schema.ts';
import type { Note } from './model.ts';
import { createNames, typeNameOf } from './names.ts';

/** Converts schemas of a document to JSON Schema 2020-12. */
export interface Schemas {
  /** Converts one; its references lead to `definitions`. */
  convert(value: Json | undefined, pointer: string): JsonSchema;
  /** What was referred to so far, converted. */
  readonly definitions: Readonly<Record<string, JsonSchema>>;
  /** The name of the definition that a pointer leads to, once it was referred to. */
  nameOf(pointer: string): string | undefined;
}

/** For which way a schema is: `readOnly` holds of answers, `writeOnly` of requests. */
export type Direction = 'answer' | 'request';

const typeMaxChars = 63;
const descriptionMaxChars = 300;
const exampleMaxChars = 200;
const types = new Set(['array', 'boolean', 'integer', 'null', 'number', 'object', 'string']);
const counts =
  'maxLength minLength maxItems minItems maxProperties minProperties maxContains minContains'.split(
    ' ',
  );
const bounds = 'maximum minimum exclusiveMaximum exclusiveMinimum'.split(' ');
const flags = ['uniqueItems', 'deprecated', 'readOnly', 'writeOnly'];
const single =
  'not if then else contains propertyNames unevaluatedProperties unevaluatedItems'.split(' ');
const lists = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];

/** Creates a converter. `notes` is told what is left out. */
export function createSchemas(
  document: ApiDocument,
  { direction, notes }: { readonly direction: Direction; readonly notes: Note[] },
): Schemas {
  const names = createNames();
  const nameByPointer = new Map<string, string>();
  const definitions: Record<string, JsonSchema> = {};
  const pending: { name: string; value: Json; pointer: string }[] = [];
  const faults: { place: string; text: string }[] = [];
  let isDraining = false;

  const define = (value: JsonObject, pointer: string): string => {
    const { value: target, pointer: at } = document.follow(value, pointer);
    const known = nameByPointer.get(at);
    if (known !== undefined) return known;
    const own = isObject(target) && typeof target.title === 'string' ? target.title : 'Value';
    const name = names.take(
      definitionNameOf(document, at) || typeNameOf(own) || 'Value',
      typeMaxChars,
    );
    nameByPointer.set(at, name);
    pending.push({ name, value: target, pointer: at });
    return name;
  };
  const convertOne = (value: Json | undefined, pointer: string): JsonSchema => {
    if (typeof value === 'boolean') return value ? {} : { not: {} };
    if (!isObject(value)) {
      if (value !== undefined && value !== null) {
        faults.push({ place: document.placeOf(pointer), text: 'is no schema; write an object' });
      }
      return {};
    }
    if (typeof value.$ref !== 'string') return inPlace(value, pointer);
    const reference = { $ref: `#/$defs/${define(value, pointer)}` };
    // In 3.0 nothing counts beside a reference; from 3.1 on all does.
    if (document.dialect === '3.0') return reference;
    const { $ref: _, ...beside } = value;
    return { ...reference, ...inPlace(beside, pointer) };
  };
  const inPlace = (value: JsonObject, pointer: string): JsonSchema => {
    const below = (name: string, ...more: (string | number)[]) => pointerTo(pointer, name, ...more);
    const out: JsonSchema = { ...typeOf(value), ...plainOf(value), ...boundsOf(value) };
    for (const name of single) {
      if (value[name] !== undefined) out[name] = convertOne(value[name], below(name));
    }
    for (const name of lists) {
      const held = listOf(value[name]).map((each, index) => convertOne(each, below(name, index)));
      if (held.length > 0) out[name] = held;
    }
    if (isObject(value.items) || typeof value.items === 'boolean') {
      out.items = convertOne(value.items, below('items'));
    }
    const { value: properties } = document.follow(value.properties, below('properties'));
    if (isObject(properties)) {
      out.properties = Object.fromEntries(
        Object.entries(properties)
          .filter(([name]) => name !== '__proto__')
          .map(([name, each]) => [name, convertOne(each, below('properties', name))]),
      );
    }
    const open = value.additionalProperties ?? value.patternProperties;
    if (value.patternProperties !== undefined) {
      notes.push({ place: `#${pointer}`, text: 'patternProperties are left open' });
    } else if (typeof open === 'boolean') out.additionalProperties = open;
    else if (isObject(open)) {
      out.additionalProperties = convertOne(open, below('additionalProperties'));
    }
    const required = requiredOf(value, direction);
    if (required.length > 0) out.required = required;
    return nullable(value, discriminated(value, out));
  };
  const drain = (): void => {
    // Once at a time: definitions that hold each other would otherwise go ever deeper.
    if (isDraining) return;
    isDraining = true;
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
      definitions[next.name] = cutDeep(convertOne(next.value, next.pointer));
    }
    isDraining = false;
    if (faults.length > 0) throw new DocumentError(faults);
  };
  return {
    definitions,
    nameOf: (pointer) => nameByPointer.get(pointer),
    convert(value, pointer) {
      const converted = convertOne(value, pointer);
      drain();
      return converted;
    },
  };
}

/** From `#/components/schemas/Pet` or the file `models/pet.yml`. */
function definitionNameOf(document: ApiDocument, pointer: string): string {
  const { file, pointer: inside } = document.fileOf(pointer);
  const last = inside === '' ? (file.split('/').at(-1) ?? '').replace(/\.\w+$/, '') : inside;
  const segments = last.split('/').filter((each) => !/^(?:schema|items|\d+|content)$/.test(each));
  return typeNameOf((segments.at(-1) ?? '').replaceAll('~1', '-'));
}

function typeOf(value: JsonObject): JsonSchema {
  const given = Array.isArray(value.type)
    ? value.type
    : value.type === 'file'
      ? ['string']
      : [value.type];
  const known = [...new Set(given.filter((each) => typeof each === 'string' && types.has(each)))];
  if (known.length === 0) return {};
  return { type: known.length === 1 ? (known[0] ?? null) : known } as JsonSchema;
}

function plainOf(value: JsonObject): JsonSchema {
  const out: JsonSchema = {};
  if (typeof value.title === 'string') out.title = value.title.slice(0, descriptionMaxChars);
  if (typeof value.description === 'string' && value.description !== '') {
    out.description = shortened(value.description);
  }
  if (typeof value.format === 'string') out.format = value.format;
  for (const name of flags) if (value[name] === true) out[name] = true;
  if (Array.isArray(value.enum) && value.enum.length > 0) {
    out.enum = [...new Set(value.enum)] as JsonSchema['enum'] & object;
  }
  if (value.const !== undefined) out.const = value.const;
  if (isShort(value.default)) out.default = value.default;
  const examples = [value.example, ...listOf(value.examples)].filter(isShort);
  if (examples.length > 0) out.examples = examples.slice(0, 3);
  return out;
}

function isShort(value: Json | undefined): value is string | number | boolean {
  if (typeof value === 'string') return value.length <= exampleMaxChars;
  return typeof value === 'number' || typeof value === 'boolean';
}

/** The first paragraph, cut where it is long: people read it, and every reader pays for it. */
export function shortened(text: string): string {
  const [first = ''] = text.trim().split(/\n\s*\n/);
  const line = first.replace(/\s+/g, ' ').trim();
  const whole = [...line];
  return whole.length <= descriptionMaxChars
    ? line
    : `${whole.slice(0, descriptionMaxChars - 1).join('')}…`;
}

function boundsOf(value: JsonObject): JsonSchema {
  const out: JsonSchema = {};
  for (const name of counts) {
    const count = value[name];
    if (Number.isInteger(count) && (count as number) >= 0) out[name] = count as number;
  }
  for (const name of bounds) if (isNumber(value[name])) out[name] = value[name];
  if (isNumber(value.multipleOf) && value.multipleOf > 0) out.multipleOf = value.multipleOf;
  // Until 3.0 true says that the bound itself is left out.
  for (const [name, exclusive] of [
    ['maximum', 'exclusiveMaximum'],
    ['minimum', 'exclusiveMinimum'],
  ] as const) {
    const bound = out[name];
    if (value[exclusive] !== true || bound === undefined) continue;
    out[exclusive] = bound;
    delete out[name];
  }
  return out;
}

function isNumber(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

/** What is only read is not asked for, and what is only written does not come back. */
function requiredOf(value: JsonObject, direction: Direction): string[] {
  const absent = direction === 'answer' ? 'writeOnly' : 'readOnly';
  const properties = isObject(value.properties) ? value.properties : {};
  const names = listOf(value.required).filter((name) => typeof name === 'string');
  return [...new Set(names)].filter((name) => {
    const property = properties[name];
    return !(isObject(property) && property[absent] === true);
  });
}

/** Until 3.0 `nullable` stands beside the type. */
function nullable(value: JsonObject, out: JsonSchema): JsonSchema {
  if (value.nullable !== true) return out;
  if (Array.isArray(out.enum) && !out.enum.includes(null)) out.enum = [...out.enum, null];
  if (typeof out.type === 'string') return { ...out, type: [out.type, 'null'] };
  if (Array.isArray(out.type)) return { ...out, type: [...new Set([...out.type, 'null'])] };
  const isOpen = !['allOf', 'anyOf', 'oneOf', 'enum', '$ref'].some((name) => name in out);
  return isOpen ? out : { anyOf: [out, { type: 'null' }] };
}

/** A discriminator that names its alternatives becomes a constant in each of them. */
function discriminated(value: JsonObject, out: JsonSchema): JsonSchema {
  const { discriminator } = value;
  if (!isObject(discriminator) || typeof discriminator.propertyName !== 'string') return out;
  const { propertyName, mapping } = discriminator;
  if (!isObject(mapping)) return out;
  const byReference = new Map<string, string[]>();
  for (const [name, target] of Object.entries(mapping)) {
    if (typeof target !== 'string') continue;
    const reference = target.includes('/') ? target : `#/components/schemas/${target}`;
    byReference.set(reference, [...(byReference.get(reference) ?? []), name]);
  }
  for (const keyword of ['oneOf', 'anyOf']) {
    const given = listOf(value[keyword]);
    const converted = out[keyword];
    if (!Array.isArray(converted)) continue;
    out[keyword] = converted.map((each, index) => {
      const alternative = given[index];
      const reference = isObject(alternative) ? alternative.$ref : undefined;
      const names = typeof reference === 'string' ? byReference.get(reference) : undefined;
      if (!names) return each;
      return { allOf: [each, { properties: { [propertyName]: { enum: names } } }] };
    });
  }
  return out;
}
