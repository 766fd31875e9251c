import type { JsonSchema } from '@weir/sdk/provider';

type Definitions = Readonly<Record<string, JsonSchema>>;
type Held = JsonSchema | undefined;

/** How deep alternatives and references are looked through. */
const depthMax = 8;

/** The definition that a schema refers to, and so on, until there is none. */
export function target(schema: Held, definitions: Definitions): JsonSchema {
  let at: JsonSchema = schema ?? {};
  for (let depth = 0; depth < depthMax && typeof at.$ref === 'string'; depth += 1) {
    at = definitions[at.$ref.slice(8)] ?? {};
  }
  return at;
}

/** The members that a value may have, through references, `allOf` and alternatives. */
export function membersOf(
  schema: Held,
  definitions: Definitions,
  depth = 0,
): Map<string, JsonSchema> {
  const found = new Map<string, JsonSchema>();
  if (depth > depthMax) return found;
  const at = target(schema, definitions);
  for (const [name, held] of Object.entries(schemaMap(at.properties))) found.set(name, held);
  for (const keyword of ['allOf', 'oneOf', 'anyOf']) {
    const parts = at[keyword];
    if (!Array.isArray(parts)) continue;
    for (const part of parts as JsonSchema[]) {
      for (const [name, held] of membersOf(part, definitions, depth + 1)) {
        if (!found.has(name)) found.set(name, held);
      }
    }
  }
  return found;
}

/** What the elements of a list are; undefined: it is no list. */
export function elementOf(
  schema: Held,
  definitions: Definitions,
  depth = 0,
): JsonSchema | undefined {
  if (depth > depthMax) return undefined;
  const at = target(schema, definitions);
  const types = Array.isArray(at.type) ? at.type : [at.type];
  if (types.includes('array') || at.items !== undefined) return (at.items ?? {}) as JsonSchema;
  for (const keyword of ['allOf', 'oneOf', 'anyOf']) {
    const parts = at[keyword];
    if (!Array.isArray(parts)) continue;
    for (const part of parts as JsonSchema[]) {
      const element = elementOf(part, definitions, depth + 1);
      if (element) return element;
    }
  }
  return undefined;
}

/** What is below `properties`. */
export function schemaMap(value: unknown): Readonly<Record<string, JsonSchema>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, JsonSchema>)
    : {};
}
