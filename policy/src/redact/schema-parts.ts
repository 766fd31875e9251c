import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

/** The schemas of a document by their `$anchor` and `$dynamicAnchor`. */
export function anchorsOf(root: JsonObject): ReadonlyMap<string, JsonObject> {
  const anchors = new Map<string, JsonObject>();
  const waiting: JsonValue[] = [root];
  for (let held = waiting.pop(); held !== undefined; held = waiting.pop()) {
    if (held === null || typeof held !== 'object') continue;
    if (isObject(held)) {
      for (const name of [held.$anchor, held.$dynamicAnchor]) {
        if (typeof name === 'string') anchors.set(name, held);
      }
    }
    for (const each of Object.values(held)) waiting.push(each);
  }
  return anchors;
}

/** A schema as a whole. */
export interface WholeSchema {
  readonly root: JsonObject;
  readonly anchors: ReadonlyMap<string, JsonObject>;
}

/** What a local reference leads to; undefined: nothing here. */
export function targetOf({ root, anchors }: WholeSchema, ref: string): JsonValue | undefined {
  const own = typeof root.$id === 'string' ? root.$id : undefined;
  const local = own !== undefined && ref.startsWith(own) ? ref.slice(own.length) || '#' : ref;
  if (!local.startsWith('#')) return undefined;
  const fragment = decodedFragment(local.slice(1));
  if (fragment !== '' && !fragment.startsWith('/')) return anchors.get(fragment);
  let at: JsonValue | undefined = root;
  for (const segment of fragment.split('/').slice(1)) {
    const name = segment.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(at)) at = at[Number(name)];
    else if (isObject(at) && Object.hasOwn(at, name)) at = at[name];
    else return undefined;
  }
  return at;
}

function decodedFragment(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}

/** The references of one schema. */
export function referencesOf(schema: JsonObject): string[] {
  return [schema.$ref, schema.$dynamicRef].filter((ref) => typeof ref === 'string');
}

/** Whether it is an object. */
export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The members of an object; of anything else none. */
export function membersOf(value: JsonValue | undefined): [string, JsonValue][] {
  return isObject(value) ? Object.entries(value) : [];
}

/** The elements of a list; of anything else none. */
export function elementsOf(value: JsonValue | undefined): JsonValue[] {
  return Array.isArray(value) ? value : [];
}
