// Random schemas, changes of schemas, and values, from a seed: for tests.
import { isObject } from '../json-schema/tree.ts';

type Json = Record<string, unknown>;

/** A seeded source of chance (mulberry32). */
export interface Chance {
  /** A whole number from 0 to `below` - 1. */
  below(below: number): number;
  /** One of a list. */
  of<T>(items: readonly T[]): T;
  /** Whether something of this probability happens. */
  is(probability: number): boolean;
}

export function createChance(seed: number): Chance {
  let state = seed | 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    below,
    is: (probability) => next() < probability,
    of: (items) => {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error('nothing to choose from');
      return item;
    },
  };
}

const names = ['a', 'b', 'c', 'x1', 'x2'];
const scalars = [true, false, 0, 1, 2, 3, -1, 1.5, 4, 6, '', 'a', 'ab', 'abc', 'x1', '2026-01-01'];
const patterns = ['^a', 'b$', '^x', '^[a-z]+$'];
const types = ['string', 'integer', 'number', 'object', 'array', 'boolean', 'null'];

/** A random value of a small world. */
export function randomValue(chance: Chance, depth: number): unknown {
  const kind = chance.below(depth > 0 ? 10 : 6);
  if (kind === 0) return null;
  if (kind < 6) return chance.of(scalars);
  if (kind < 8)
    return Array.from({ length: chance.below(4) }, () => randomValue(chance, depth - 1));
  const members = names.filter(() => chance.is(0.4));
  return Object.fromEntries(members.map((name) => [name, randomValue(chance, depth - 1)]));
}

function parts(schema: Json, keyword: string): unknown[] {
  const value = schema[keyword];
  return Array.isArray(value) ? value : [];
}

/** A value that is often valid under a schema. */
export function likelyValue(
  chance: Chance,
  root: unknown,
  schema: unknown,
  depth: number,
): unknown {
  if (!isObject(schema) || depth < 0 || chance.is(0.08))
    return randomValue(chance, Math.max(0, depth));
  const again = (part: unknown) => likelyValue(chance, root, part, depth);
  if ('const' in schema) return schema.const;
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return chance.of(schema.enum);
  if (typeof schema.$ref === 'string') return again(resolve(root, schema.$ref));
  const choices = [...parts(schema, 'anyOf'), ...parts(schema, 'oneOf'), ...parts(schema, 'allOf')];
  const base = choices.length > 0 ? again(chance.of(choices)) : undefined;
  const type = Array.isArray(schema.type) ? chance.of(schema.type) : schema.type;
  const kind = type ?? kindFor(chance, schema);
  if (kind === 'object') return likelyObject(chance, root, schema, base, depth);
  if (kind === 'array') return likelyArray(chance, root, schema, depth);
  if (base !== undefined) return base;
  if (kind === 'null') return null;
  const ofKind = scalars.filter((one) =>
    kind === 'integer' ? Number.isInteger(one) : typeof one === kind,
  );
  return ofKind.length > 0 ? chance.of(ofKind) : randomValue(chance, depth);
}

function kindFor(chance: Chance, schema: Json): string {
  if (
    ['properties', 'required', 'additionalProperties', 'unevaluatedProperties'].some(
      (key) => key in schema,
    )
  )
    return 'object';
  if (['items', 'prefixItems', 'contains'].some((key) => key in schema)) return 'array';
  return chance.of(['none', 'string', 'number']);
}

function likelyObject(
  chance: Chance,
  root: unknown,
  schema: Json,
  base: unknown,
  depth: number,
): Json {
  const properties = isObject(schema.properties) ? schema.properties : {};
  const required = parts(schema, 'required').map(String);
  const wanted = names.filter(
    (name) => required.includes(name) || chance.is(name in properties ? 0.6 : 0.15),
  );
  const rest = schema.additionalProperties ?? schema.unevaluatedProperties ?? true;
  const members = wanted.map((name) => [
    name,
    likelyValue(chance, root, properties[name] ?? rest, depth - 1),
  ]);
  return { ...(isObject(base) ? base : {}), ...Object.fromEntries(members) };
}

function likelyArray(chance: Chance, root: unknown, schema: Json, depth: number): unknown[] {
  const prefix = parts(schema, 'prefixItems');
  const length = Math.max(chance.below(4), Number(schema.minItems ?? 0));
  return Array.from({ length }, (_, index) =>
    likelyValue(chance, root, prefix[index] ?? schema.items ?? schema.contains ?? true, depth - 1),
  );
}

function resolve(root: unknown, ref: string): unknown {
  let at: unknown = root;
  for (const name of ref.split('/').slice(1)) at = isObject(at) ? at[name] : undefined;
  return at;
}

/** A random schema; its references lead to `#/$defs/r`, which must be there, or to the root. */
export function randomSchema(chance: Chance, depth: number): unknown {
  if (chance.is(0.05)) return chance.is(0.7);
  const schema: Json = {};
  const count = 1 + chance.below(3);
  for (let index = 0; index < count; index += 1)
    Object.assign(schema, randomKeywords(chance, depth));
  return schema;
}

function randomKeywords(chance: Chance, depth: number): Json {
  const inner = () => randomSchema(chance, depth - 1);
  const some = () => Array.from({ length: 1 + chance.below(3) }, inner);
  const members = (of: readonly string[]) =>
    Object.fromEntries(of.filter(() => chance.is(0.5)).map((name) => [name, inner()]));
  const flat: (() => Json)[] = [
    () => ({ type: chance.of(types) }),
    () => ({ type: [...new Set([chance.of(types), chance.of(types)])] }),
    () => ({ type: 'object' }),
    () => ({ enum: [...new Set([chance.of(scalars), chance.of(scalars), chance.of(scalars)])] }),
    () => ({ const: chance.of(scalars) }),
    () => ({
      [chance.of(['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'])]: chance.below(4),
    }),
    () => ({ multipleOf: chance.of([1, 2, 3, 0.5]) }),
    () => ({
      [chance.of([
        'minLength',
        'maxLength',
        'minItems',
        'maxItems',
        'minProperties',
        'maxProperties',
      ])]: chance.below(4),
    }),
    () => ({ pattern: chance.of(patterns) }),
    () => ({ format: 'date' }),
    () => ({ required: names.filter(() => chance.is(0.3)) }),
    () => ({ uniqueItems: chance.is(0.5) }),
    () => ({ dependentRequired: { [chance.of(names)]: [chance.of(names)] } }),
  ];
  const deep: (() => Json)[] = [
    () => ({
      type: 'object',
      properties: members(names),
      required: names.filter(() => chance.is(0.2)),
      additionalProperties: false,
    }),
    () => ({ properties: members(names) }),
    () => ({ patternProperties: members(patterns) }),
    () => ({ additionalProperties: chance.is(0.5) ? false : inner() }),
    () => ({ unevaluatedProperties: chance.is(0.5) ? false : inner() }),
    () => ({
      propertyNames: chance.is(0.5)
        ? { pattern: chance.of(patterns) }
        : { enum: names.slice(0, 3) },
    }),
    () => ({ dependentSchemas: { [chance.of(names)]: inner() } }),
    () => ({ type: 'array', items: inner() }),
    () => ({ prefixItems: some() }),
    () => ({ unevaluatedItems: chance.is(0.5) ? false : inner() }),
    () => ({ contains: inner(), ...(chance.is(0.3) ? { maxContains: 2 } : {}) }),
    () => ({ allOf: some() }),
    () => ({ anyOf: some() }),
    () => ({ oneOf: some() }),
    () => ({ not: inner() }),
    () => ({ if: inner(), [chance.of(['then', 'else'])]: inner() }),
    () => ({ properties: { a: { $ref: '#/$defs/r' } } }),
    () => ({ $ref: '#/$defs/r' }),
    () => ({ items: { $ref: '#' } }),
  ];
  return chance.of(depth > 0 && chance.is(0.65) ? deep : flat)();
}

/** A schema with one or two small changes. */
export function changed(chance: Chance, schema: unknown, depth: number): unknown {
  if (!isObject(schema)) return chance.is(0.5) ? randomSchema(chance, depth) : schema;
  const keys = Object.keys(schema);
  const key = keys.length > 0 ? chance.of(keys) : '';
  const { [key]: value, ...rest } = schema;
  switch (chance.below(8)) {
    case 0:
      return rest;
    case 1:
      return { ...schema, ...randomKeywords(chance, depth) };
    case 2:
      return chance.is(0.5)
        ? { anyOf: [schema, randomSchema(chance, depth)] }
        : { allOf: [schema] };
    default:
      return key === '' ? schema : { ...rest, [key]: changedValue(chance, key, value, depth) };
  }
}

function changedValue(chance: Chance, key: string, value: unknown, depth: number): unknown {
  if (typeof value === 'number')
    return Math.max(key === 'multipleOf' ? 1 : 0, value + chance.of([-1, 1]));
  if (['required', 'enum', 'type'].includes(key)) return changedList(chance, key, value);
  if (Array.isArray(value)) return changedSchemas(chance, value, depth);
  if (!isObject(value) || ['const', 'dependentRequired'].includes(key))
    return typeof value === 'boolean' && key !== 'uniqueItems'
      ? randomSchema(chance, depth - 1)
      : value;
  if (!['properties', 'patternProperties', '$defs', 'dependentSchemas'].includes(key))
    return changed(chance, value, depth - 1);
  const members = Object.keys(value);
  if (members.length === 0 || (key !== '$defs' && chance.is(0.3)))
    return {
      ...value,
      [chance.of(key === 'patternProperties' ? patterns : names)]: randomSchema(chance, depth - 1),
    };
  const name = chance.of(members);
  const { [name]: member, ...others } = value;
  if (key !== '$defs' && chance.is(0.3)) return others;
  return { ...others, [name]: changed(chance, member, depth - 1) };
}

function changedList(chance: Chance, key: string, value: unknown): unknown {
  const items = Array.isArray(value) ? value : [value];
  const more: Readonly<Record<string, readonly unknown[]>> = {
    required: names,
    enum: scalars,
    type: types,
  };
  if (chance.is(0.5)) return [...new Set([...items, chance.of(more[key] ?? [])])];
  const fewer = items.filter(() => chance.is(0.6));
  return fewer.length > 0 ? fewer : items;
}

function changedSchemas(chance: Chance, schemas: readonly unknown[], depth: number): unknown {
  const index = chance.below(schemas.length);
  if (chance.is(0.25)) return [...schemas].reverse();
  if (chance.is(0.3)) return [...schemas, randomSchema(chance, depth - 1)];
  if (schemas.length > 1 && chance.is(0.3)) return schemas.filter((_, at) => at !== index);
  return schemas.map((one, at) => (at === index ? changed(chance, one, depth - 1) : one));
}
