import type { JsonSchema } from '@weir/sdk/provider';

/** How much a schema may be. */
export interface SchemaLimits {
  /** Its size as JSON. */
  readonly chars: number;
  /** Schemas in all. */
  readonly subschemas: number;
  /** Schemas that look at one and the same value, counted along every way to them. */
  readonly inPlace: number;
}

/** What Weir takes of the schema of one type, with some room: see docs/limits.md. */
export const typeSchemaLimits: SchemaLimits = { chars: 200_000, subschemas: 1_800, inPlace: 8_000 };
/** What Weir takes of the schema of an operation. */
export const inputSchemaLimits: SchemaLimits = { chars: 60_000, subschemas: 1_800, inPlace: 8_000 };

type Definitions = Readonly<Record<string, JsonSchema>>;

/**
 * The definitions that have to be left open (any value) for a schema to be taken together with all
 * that it refers to, nearest first. Pure.
 */
export function leftOpen(
  schema: JsonSchema,
  definitions: Definitions,
  limits: SchemaLimits,
): readonly string[] {
  const taken = new Map<string, JsonSchema>();
  const left = new Set<string>();
  const size = measure(schema);
  const pending = [...referencesOf(schema)];
  for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
    if (taken.has(name) || left.has(name)) continue;
    const definition = definitions[name] ?? {};
    const own = measure(definition);
    const chars = size.chars + own.chars;
    const subschemas = size.subschemas + own.subschemas;
    if (chars > limits.chars || subschemas > limits.subschemas) {
      left.add(name);
      continue;
    }
    Object.assign(size, { chars, subschemas });
    taken.set(name, definition);
    pending.push(...referencesOf(definition));
  }
  for (const name of openHeavy(schema, taken, limits.inPlace)) left.add(name);
  return [...left].sort();
}

/** The names of definitions that a schema refers to, each once. */
export function referencesOf(schema: unknown): Set<string> {
  const found = new Set<string>();
  const pending = [schema];
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value !== 'object' || value === null) continue;
    const { $ref } = value as { $ref?: unknown };
    if (typeof $ref === 'string' && $ref.startsWith('#/$defs/')) found.add($ref.slice(8));
    pending.push(...Object.values(value).reverse());
  }
  return found;
}

function measure(schema: JsonSchema): { chars: number; subschemas: number } {
  const text = JSON.stringify(schema);
  // Every object counts: more than there are schemas, never less.
  return { chars: text.length * 1.1 + 80, subschemas: text.split('{').length };
}

/** What Weir takes of levels, with room for the place of a definition. */
const depthMax = 40;

/** A schema in which what lies too deep for Weir is left open. */
export function cutDeep(schema: JsonSchema): JsonSchema {
  const cut = (value: unknown, left: number): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((each) => cut(each, left - 1));
    // Before a list of types or names could be cut, which would make the schema another one.
    if (left <= 2) return {};
    return Object.fromEntries(
      Object.entries(value).map(([name, held]) => [name, cut(held, left - 1)]),
    );
  };
  return cut(schema, depthMax) as JsonSchema;
}

const inPlaceKeywords = ['allOf', 'anyOf', 'oneOf'] as const;
const inPlaceSingle = ['not', 'if', 'then', 'else'] as const;

/**
 * Takes out definitions that lead back to themselves for the same value, and those that multiply
 * beyond the limit; says which.
 */
function openHeavy(root: JsonSchema, taken: Map<string, JsonSchema>, limit: number): string[] {
  const weights = new Map<string, number>();
  const opened: string[] = [];
  const weigh = (schema: unknown, path: readonly string[]): number => {
    if (typeof schema !== 'object' || schema === null) return 1;
    const held = schema as Record<string, unknown>;
    let sum = 1;
    for (const name of inPlaceKeywords) {
      if (Array.isArray(held[name])) for (const each of held[name]) sum += weigh(each, path);
    }
    for (const name of inPlaceSingle) if (held[name]) sum += weigh(held[name], path);
    if (typeof held.$ref === 'string') sum += weighDefinition(held.$ref.slice(8), path);
    return sum;
  };
  const open = (name: string): number => {
    if (taken.delete(name)) opened.push(name);
    weights.set(name, 1);
    return 1;
  };
  const weighDefinition = (name: string, path: readonly string[]): number => {
    const known = weights.get(name);
    if (known !== undefined) return known;
    if (!taken.has(name)) return 1;
    if (path.includes(name)) return open(name);
    const weight = weigh(taken.get(name), [...path, name]);
    // It may have been opened on the way, as a part of itself.
    if (!taken.has(name)) return 1;
    if (weight > limit) return open(name);
    weights.set(name, weight);
    return weight;
  };
  const weighAll = (schema: unknown): void => {
    if (typeof schema !== 'object' || schema === null) return;
    weigh(schema, []);
    for (const held of Object.values(schema)) weighAll(held);
  };
  for (const [name, schema] of [...taken]) {
    weighDefinition(name, []);
    weighAll(schema);
  }
  weighAll(root);
  return opened;
}
