// Where JSON Schema 2020-12 holds schemas, and where its local references lead.

/** A JSON Schema: an object, or true for anything and false for nothing. */
export type Schema = boolean | { readonly [keyword: string]: unknown };

/** Keywords whose value is a schema. */
const single = [
  'additionalProperties',
  'contains',
  'contentSchema',
  'else',
  'if',
  'items',
  'not',
  'propertyNames',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
];
/** Keywords whose value is a list of schemas. */
const lists = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
/** Keywords whose value holds schemas by name. */
const maps = ['$defs', 'definitions', 'dependentSchemas', 'patternProperties', 'properties'];
/** Keywords whose schemas look at the same value as the schema around them. */
const inPlace = new Set([
  'allOf',
  'anyOf',
  'dependentSchemas',
  'else',
  'if',
  'not',
  'oneOf',
  'then',
]);

/** A schema within a schema. */
export interface Subschema {
  readonly pointer: string;
  readonly schema: Schema;
  /** The keyword that holds it. */
  readonly keyword: string;
}

/** All schemas of a document by their JSON pointer, the document itself under ''. */
export type SchemaTree = ReadonlyMap<string, Schema>;

export function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'boolean' || isObject(value);
}

/** A pointer one step further. */
export function step(pointer: string, ...names: readonly (string | number)[]): string {
  const escaped = names.map((name) => String(name).replaceAll('~', '~0').replaceAll('/', '~1'));
  return [pointer, ...escaped].join('/');
}

/** The schemas directly within a schema; what is no schema there is left out. */
export function* subschemas(schema: Schema, pointer: string): Generator<Subschema> {
  if (typeof schema === 'boolean') return;
  for (const keyword of single) {
    const value = schema[keyword];
    if (isSchema(value)) yield { pointer: step(pointer, keyword), schema: value, keyword };
  }
  for (const keyword of lists) {
    const value = schema[keyword];
    for (const [index, item] of Array.isArray(value) ? value.entries() : []) {
      if (isSchema(item)) yield { pointer: step(pointer, keyword, index), schema: item, keyword };
    }
  }
  for (const keyword of maps) {
    const value = schema[keyword];
    for (const [name, item] of isObject(value) ? Object.entries(value) : []) {
      if (isSchema(item)) yield { pointer: step(pointer, keyword, name), schema: item, keyword };
    }
  }
}

/** Collects the schemas of a document, at most `limit` of them; undefined if there are more. */
export function treeOf(root: Schema, limit: number): SchemaTree | undefined {
  const tree = new Map<string, Schema>([['', root]]);
  const pending: [string, Schema][] = [['', root]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const { pointer, schema } of subschemas(next[1], next[0])) {
      if (tree.size >= limit) return undefined;
      tree.set(pointer, schema);
      pending.push([pointer, schema]);
    }
  }
  return tree;
}

/** The pointers that the anchors of a document stand for. */
export function anchorsOf(tree: SchemaTree): ReadonlyMap<string, string> {
  const anchors = new Map<string, string>();
  for (const [pointer, schema] of tree) {
    const anchor = isObject(schema) ? schema.$anchor : undefined;
    if (typeof anchor === 'string') anchors.set(anchor, pointer);
  }
  return anchors;
}

/** The pointer that a local reference (`#…`) leads to; undefined if it cannot be read. */
export function targetOf(ref: string, anchors: ReadonlyMap<string, string>): string | undefined {
  let fragment: string;
  try {
    fragment = decodeURIComponent(ref.slice(1));
  } catch {
    return undefined;
  }
  return fragment === '' || fragment.startsWith('/') ? fragment : anchors.get(fragment);
}

/** The schemas that look at the same value as a schema: its parts in place, and its `$ref`. */
export function partsInPlace(
  schema: Schema,
  pointer: string,
  anchors: ReadonlyMap<string, string>,
): string[] {
  const parts = [...subschemas(schema, pointer)].filter((part) => inPlace.has(part.keyword));
  const ref = isObject(schema) ? schema.$ref : undefined;
  const target = typeof ref === 'string' ? targetOf(ref, anchors) : undefined;
  const pointers = parts.map((part) => part.pointer);
  return target === undefined ? pointers : [...pointers, target];
}
