import type { JsonSchema } from '@weir/sdk/provider';

/** Schemas by the names that `#/$defs/NAME` means. */
export type Definitions = Readonly<Record<string, JsonSchema>>;

/**
 * A schema together with the definitions that it refers to. Those that `open` names allow any value:
 * with them the schema would be larger than Weir takes.
 */
export function withDefinitions(
  schema: JsonSchema,
  definitions: Definitions,
  open: readonly string[] = [],
): JsonSchema {
  const held: Record<string, JsonSchema> = {};
  const pending: unknown[] = [schema];
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value !== 'object' || value === null) continue;
    const { $ref } = value as { $ref?: unknown };
    const name = typeof $ref === 'string' && $ref.startsWith('#/$defs/') ? $ref.slice(8) : '';
    if (name !== '' && !Object.hasOwn(held, name)) {
      held[name] = open.includes(name) ? {} : (definitions[name] ?? {});
      pending.push(held[name]);
    }
    pending.push(...Object.values(value));
  }
  const names = Object.keys(held).sort();
  if (names.length === 0) return schema;
  return { ...schema, $defs: Object.fromEntries(names.map((name) => [name, held[name] ?? {}])) };
}
