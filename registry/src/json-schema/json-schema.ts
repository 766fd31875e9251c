import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { patternFault } from './pattern.ts';
import {
  anchorsOf,
  isObject,
  partsInPlace,
  type Schema,
  type SchemaTree,
  step,
  targetOf,
  treeOf,
} from './tree.ts';

/** Something wrong with a JSON Schema. */
export interface SchemaFault {
  /** The place as a JSON pointer, '' for the whole schema. */
  readonly path: string;
  /** What is wrong and how to mend it. */
  readonly text: string;
}

/** What a JSON Schema may have at most. */
export const schemaLimits = {
  /** The size as JSON text, in bytes of UTF-8. */
  sizeBytes: 256 * 1024,
  /** Objects and lists within each other. */
  depth: 64,
  /** The name of a property or of any other member. */
  nameCharacters: 256,
  /** Schemas in all: one for each property, list item, alternative, definition and so on. */
  subschemas: 2000,
  /** Schemas that can look at one and the same value, counted along every way to them. */
  subschemasInPlace: 10_000,
  /** The characters of all patterns together. */
  patternCharacters: 8192,
  /** Faults that are told at once. */
  faults: 20,
} as const;

const dialect = 'https://json-schema.org/draft/2020-12/schema';

/**
 * Tells what is wrong with a JSON Schema, each fault with its place and mend; nothing for a
 * schema that is accepted. A schema must be valid against the metaschema of draft 2020-12, stay
 * within {@link schemaLimits}, refer only to itself, and have patterns that cannot run for ever.
 * Never fetches anything, and ends soon whatever it is given.
 */
export function schemaFaults(schema: unknown): SchemaFault[] {
  const shape = shapeFault(schema);
  if (shape !== undefined) return [shape];
  if (typeof schema !== 'boolean' && !isObject(schema)) {
    return [{ path: '', text: 'must be a JSON Schema: an object, or true or false' }];
  }
  const tree = treeOf(schema, schemaLimits.subschemas);
  if (tree === undefined) {
    const text = `has more than ${schemaLimits.subschemas} properties and other schemas; split the type, or describe open parts with additionalProperties`;
    return [{ path: '', text }];
  }
  const early = [...treeFaults(tree), ...patternFaults(tree)];
  const faults = early.length > 0 ? early : metaschemaFaults(schema);
  return (faults.length > 0 ? faults : loopFaults(tree)).slice(0, schemaLimits.faults);
}

/** A value within a schema; its place is spelled out only when there is something to say of it. */
interface Visit {
  readonly value: unknown;
  readonly name: string;
  readonly parent: Visit | undefined;
  readonly depth: number;
}

function pathOf(visit: Visit): string {
  const names: string[] = [];
  for (let at = visit; at.parent !== undefined; at = at.parent) names.unshift(at.name);
  return step('', ...names);
}

/** What makes a value unfit to be read as a schema: not JSON, too large, too deep. */
function shapeFault(root: unknown): SchemaFault | undefined {
  const pending: Visit[] = [{ value: root, name: '', parent: undefined, depth: 0 }];
  let sizeBytes = 0;
  for (let visit = pending.pop(); visit !== undefined; visit = pending.pop()) {
    const text = visitFault(visit);
    if (text !== undefined) return { path: pathOf(visit), text };
    sizeBytes += ownSize(visit.value);
    if (sizeBytes > schemaLimits.sizeBytes) return { path: '', text: sizeText };
    if (typeof visit.value !== 'object' || visit.value === null) continue;
    for (const [name, value] of Object.entries(visit.value)) {
      if (name.length > schemaLimits.nameCharacters) {
        return { path: pathOf(visit), text: nameText };
      }
      pending.push({ value, name, parent: visit, depth: visit.depth + 1 });
    }
  }
  return undefined;
}

const nameText = `has a member whose name is longer than ${schemaLimits.nameCharacters} characters; shorten it`;
const sizeText = `is larger than ${schemaLimits.sizeBytes} bytes as JSON; split the type, or shorten descriptions and examples`;

function visitFault({ value, name, depth }: Visit): string | undefined {
  if (!isJson(value)) return 'is not a JSON value; give the schema as plain JSON';
  if (name === '__proto__') return 'is a name that JavaScript keeps for itself; rename it';
  if (typeof value !== 'object' || value === null || depth < schemaLimits.depth) return undefined;
  return `is nested deeper than ${schemaLimits.depth} levels; name the inner parts in $defs and refer to them`;
}

function isJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object') return typeof value === 'string' || typeof value === 'boolean';
  if (value === null || Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The bytes of a value as JSON, without its members' values. */
function ownSize(value: unknown): number {
  if (typeof value !== 'object' || value === null) return Buffer.byteLength(JSON.stringify(value));
  if (Array.isArray(value)) return 2 + Math.max(0, value.length - 1);
  let size = 2;
  for (const name of Object.keys(value)) size += Buffer.byteLength(JSON.stringify(name)) + 2;
  return Math.max(2, size - 1);
}

const ajv = new Ajv2020({ allErrors: true, logger: false, strict: false, validateFormats: false });

function metaschemaFaults(schema: Schema): SchemaFault[] {
  if (ajv.validate(dialect, schema)) return [];
  const faults = new Map<string, SchemaFault>();
  for (const error of ajv.errors ?? []) {
    const { instancePath: path } = error;
    if (faults.size >= schemaLimits.faults) break;
    if (!faults.has(path)) faults.set(path, { path, text: metaschemaText(error) });
  }
  return [...faults.values()];
}

const typeText =
  'is not a type; use one of array, boolean, integer, null, number, object or string, or a list of them without repeats';

function metaschemaText({ instancePath, keyword, message, params }: ErrorObject): string {
  const name = instancePath.slice(instancePath.lastIndexOf('/') + 1);
  if (name === 'type' || /\/type\/\d+$/.test(instancePath)) return typeText;
  if (name === 'items' && keyword === 'type') {
    return 'must be one schema; since draft 2020-12 a list of schemas by position is `prefixItems`';
  }
  if (name === 'required' && keyword === 'type') {
    return 'must be a list of names of properties; it stands beside `properties`, not inside one';
  }
  if (keyword === 'type') return `must be of type ${String(params.type).replaceAll(',', ' or ')}`;
  return message ?? `breaks the rule ${keyword} of the metaschema`;
}

function isDialect(value: unknown): boolean {
  return value === dialect || value === `${dialect}#`;
}

/** Keywords that are refused, and what to write instead. */
const refused: Readonly<Record<string, string>> = {
  $async: 'belongs to no JSON Schema; remove it',
  $dynamicAnchor: 'is not supported; use $anchor or $defs with $ref',
  $dynamicRef: 'is not supported; use $ref to a local definition',
  $recursiveAnchor: 'belongs to an older draft; use $anchor or $defs with $ref',
  $recursiveRef: 'belongs to an older draft; use $ref',
  $vocabulary: 'is for metaschemas only; remove it',
  dependencies: 'belongs to an older draft; use dependentRequired or dependentSchemas',
  additionalItems:
    'belongs to an older draft; use prefixItems for the first items and items for the rest',
  id: 'belongs to an older draft; use $id',
  nullable: 'belongs to OpenAPI 3.0; add "null" to type',
};

function treeFaults(tree: SchemaTree): SchemaFault[] {
  const anchors = anchorsOf(tree);
  const faults: SchemaFault[] = [];
  const seen = new Set<string>();
  for (const [pointer, schema] of tree) {
    if (!isObject(schema)) continue;
    const report = (keyword: string, text: string) =>
      faults.push({ path: step(pointer, keyword), text });
    for (const [keyword, text] of Object.entries(refused)) {
      if (Object.hasOwn(schema, keyword)) report(keyword, text);
    }
    const { $schema, $id, $anchor, $ref, type } = schema;
    // The metaschema compares all pairs of a list of types: a long one would take minutes.
    if (Array.isArray(type) && type.length > 7) report('type', typeText);
    if ($schema !== undefined && !isDialect($schema)) {
      report('$schema', `is not the dialect of this registry; write ${dialect}, or leave it out`);
    }
    if ($id !== undefined && pointer !== '') {
      report('$id', 'is allowed only at the root; use $anchor, or $defs with $ref');
    }
    if (typeof $anchor === 'string' && seen.size === seen.add($anchor).size) {
      report('$anchor', `is used twice in this schema; rename one "${$anchor}"`);
    }
    const text = typeof $ref === 'string' ? refFault($ref, tree, anchors) : undefined;
    if (text !== undefined) report('$ref', text);
  }
  return faults;
}

function refFault(
  ref: string,
  tree: SchemaTree,
  anchors: ReadonlyMap<string, string>,
): string | undefined {
  if (!ref.startsWith('#')) {
    return 'leads out of this schema, and nothing is ever fetched; copy the definition into $defs and write #/$defs/NAME';
  }
  const target = targetOf(ref, anchors);
  if (target !== undefined && tree.has(target)) return undefined;
  return `leads to no schema within this one; define ${ref}, or correct the reference`;
}

function patternFaults(tree: SchemaTree): SchemaFault[] {
  const faults: SchemaFault[] = [];
  const verdicts = new Map<string, string | undefined>();
  let characters = 0;
  for (const [path, pattern] of patternsOf(tree)) {
    if (!verdicts.has(pattern)) {
      characters += pattern.length;
      if (characters > schemaLimits.patternCharacters) {
        const text = `is one pattern too many: all patterns together have at most ${schemaLimits.patternCharacters} characters; use fewer or shorter ones`;
        return [...faults, { path, text }];
      }
      verdicts.set(pattern, patternFault(pattern));
    }
    const text = verdicts.get(pattern);
    if (text !== undefined) faults.push({ path, text: `the pattern ${text}` });
  }
  return faults;
}

function* patternsOf(tree: SchemaTree): Generator<[path: string, pattern: string]> {
  for (const [pointer, schema] of tree) {
    if (!isObject(schema)) continue;
    if (typeof schema.pattern === 'string') yield [step(pointer, 'pattern'), schema.pattern];
    if (!isObject(schema.patternProperties)) continue;
    for (const pattern of Object.keys(schema.patternProperties)) {
      yield [step(pointer, 'patternProperties', pattern), pattern];
    }
  }
}

/** References that lead back to where they began, or fan out too far, without a step into the value. */
function loopFaults(tree: SchemaTree): SchemaFault[] {
  const anchors = anchorsOf(tree);
  const parts = new Map<string, readonly string[]>();
  for (const [path, schema] of tree) parts.set(path, partsInPlace(schema, path, anchors));
  /** How many schemas look at one value from a place; 0 while that is being found out. */
  const weights = new Map<string, number>();
  for (const root of tree.keys()) {
    const pending = [root];
    for (let path = pending.at(-1); path !== undefined; path = pending.at(-1)) {
      weights.set(path, 0);
      const open = parts.get(path)?.find((part) => !weights.get(part));
      if (open !== undefined && weights.has(open)) return [{ path: open, text: loopText }];
      if (open !== undefined) {
        pending.push(open);
        continue;
      }
      const weight = parts.get(path)?.reduce((sum, part) => sum + (weights.get(part) ?? 0), 1) ?? 1;
      if (weight > schemaLimits.subschemasInPlace) return [{ path, text: fanOutText }];
      weights.set(path, weight);
      pending.pop();
    }
  }
  return [];
}

const loopText =
  'refers back to itself for the same value, without end; refer to it only below a property or item';
const fanOutText = `looks at one value with more than ${schemaLimits.subschemasInPlace} schemas, counted along every $ref; refer to the same definition less often`;
