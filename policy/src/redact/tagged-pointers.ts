import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import {
  anchorsOf,
  elementsOf,
  isObject,
  membersOf,
  referencesOf,
  targetOf,
  type WholeSchema,
} from './schema-parts.ts';

/** The word under which a schema tags its fields. */
const KEYWORD = 'x-weir-tags';
/** How often a reference may lead back into itself on one way; below that the whole is tagged. */
const RECURSIONS = [6, 3, 1, 0] as const;
/** Schemas looked at in one schema, and pointers found. */
const STEPS_MAX = 20_000;
const POINTERS_MAX = 2_000;
const DEPTH_MAX = 32;

type Tags = Map<string, Set<string>>;

/** Where the schemas below one stand in a value: a segment, or the same place. */
const atEveryMember = ['additionalProperties', 'unevaluatedProperties'];
const atEveryElement = ['items', 'additionalItems', 'unevaluatedItems', 'contains'];
const inSamePlace = ['if', 'then', 'else'];
const someInSamePlace = ['allOf', 'anyOf', 'oneOf'];

/**
 * Reads out of a JSON Schema (2020-12) which fields it tags: `{"type": "string", "x-weir-tags":
 * ["pii"]}` tags the field that it describes, wherever it stands: behind `properties`, `items`,
 * `patternProperties`, `allOf`, a local `$ref` and so on. Where a schema holds itself, fields are
 * followed six times around (fewer where that makes too many pointers); what lies below, and so
 * may hold tagged fields, is tagged as a whole. Returns JSON Pointers, in which "*" stands for any
 * member or element, by tag. Never throws.
 */
export function taggedPointers(schema: JsonObject): ReadonlyMap<string, readonly string[]> {
  if (!mentionsTags(schema)) return new Map();
  for (const recursions of RECURSIONS) {
    const found = createWalk(schema, recursions).walk();
    if (found) return sorted(found);
  }
  // Too much to be told apart: every tag is of the whole.
  return sorted(new Map([...allTags(schema)].map((tag) => [tag, new Set([''])])));
}

function sorted(tags: Tags): ReadonlyMap<string, readonly string[]> {
  return new Map([...tags].map(([tag, pointers]) => [tag, [...pointers].sort()]));
}

interface Place {
  readonly schema: JsonValue | undefined;
  readonly pointer: string;
  readonly depth: number;
  /** The references that led here. */
  readonly refs: readonly string[];
}

/** One walk over a schema; undefined when it takes too long. */
function createWalk(root: JsonObject, recursions: number): { walk(): Tags | undefined } {
  const tags: Tags = new Map();
  const anchors = anchorsOf(root);
  let steps = 0;
  let pointers = 0;

  const tag = (name: string, pointer: string) => {
    const known = tags.get(name) ?? new Set<string>();
    tags.set(name, known);
    if (!known.has(pointer)) pointers++;
    known.add(pointer);
  };
  const visit = (place: Place): boolean => {
    const { schema, pointer, depth } = place;
    if (!isObject(schema)) return true;
    if (++steps > STEPS_MAX || pointers > POINTERS_MAX) return false;
    for (const name of tagsOf(schema)) tag(name, pointer);
    if (depth >= DEPTH_MAX) {
      tagBelow(schema, pointer);
      return true;
    }
    return (
      below(place, schema).every(visit) && referencesOf(schema).every((ref) => follow(ref, place))
    );
  };
  const follow = (ref: string, place: Place): boolean => {
    const schema = targetOf({ root, anchors }, ref);
    if (schema === undefined) return true;
    if (place.refs.filter((each) => each === ref).length > recursions) {
      tagBelow(schema, place.pointer);
      return true;
    }
    return visit({ ...place, schema, depth: place.depth + 1, refs: [...place.refs, ref] });
  };
  const tagBelow = (schema: JsonValue, pointer: string) => {
    for (const name of reachableTags({ root, anchors }, schema)) tag(name, pointer);
  };
  return {
    walk: () => (visit({ schema: root, pointer: '', depth: 0, refs: ['#'] }) ? tags : undefined),
  };
}

/** The schemas in a schema, and where they stand in a value. */
function below({ pointer, depth, refs }: Place, schema: JsonObject): Place[] {
  const places: Place[] = [];
  const add = (held: JsonValue | undefined, segment?: string) => {
    const at = segment === undefined ? pointer : `${pointer}/${segment}`;
    places.push({ schema: held, pointer: at, depth: depth + 1, refs });
  };
  for (const [name, held] of membersOf(schema.properties)) add(held, escaped(name));
  for (const [, held] of membersOf(schema.patternProperties)) add(held, '*');
  for (const [, held] of membersOf(schema.dependentSchemas)) add(held);
  for (const word of atEveryMember) add(schema[word], '*');
  for (const [at, held] of elementsOf(schema.prefixItems).entries()) add(held, String(at));
  for (const word of atEveryElement) {
    // Before 2020-12 a list of items was what prefixItems are now.
    const held = schema[word];
    if (Array.isArray(held)) for (const [at, each] of held.entries()) add(each, String(at));
    else add(held, '*');
  }
  for (const word of inSamePlace) add(schema[word]);
  for (const word of someInSamePlace) for (const held of elementsOf(schema[word])) add(held);
  return places;
}

function tagsOf(schema: JsonObject): string[] {
  const given = schema[KEYWORD];
  const list = Array.isArray(given) ? given : [given];
  return list.filter((tag) => typeof tag === 'string');
}

/** The tags of all schemas that lie within one or that it refers to. */
function reachableTags({ root, anchors }: WholeSchema, from: JsonValue): Set<string> {
  const found = new Set<string>();
  const seen = new Set<JsonValue>();
  const waiting: JsonValue[] = [from];
  for (let held = waiting.pop(); held !== undefined; held = waiting.pop()) {
    if (held === null || typeof held !== 'object' || seen.has(held)) continue;
    seen.add(held);
    if (isObject(held)) {
      for (const tag of tagsOf(held)) found.add(tag);
      for (const ref of referencesOf(held)) waiting.push(targetOf({ root, anchors }, ref) ?? null);
    }
    for (const each of Object.values(held)) waiting.push(each);
  }
  return found;
}

function allTags(root: JsonObject): Set<string> {
  return reachableTags({ root, anchors: new Map() }, root);
}

function mentionsTags(schema: JsonObject): boolean {
  return allTags(schema).size > 0;
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
