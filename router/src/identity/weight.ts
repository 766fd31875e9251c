import type { JsonValue } from '@bufbuild/protobuf';

/** What a value takes of memory beside its letters, in bytes: about what V8 takes for `{}`. */
const VALUE_BYTES = 64;

/** How much memory a value takes, and how deep it is. */
export interface Weight {
  /** About, in bytes. */
  readonly bytes: number;
  /** Levels of objects and lists. */
  readonly depth: number;
}

/** Weighs a value without recursion: it may be as deep as somebody liked. */
export function weigh(value: JsonValue): Weight {
  const open: [JsonValue, number][] = [[value, 0]];
  let bytes = 0;
  let depth = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [one, level] = next;
    bytes += VALUE_BYTES + (typeof one === 'string' ? one.length * 2 : 0);
    if (typeof one !== 'object' || one === null) continue;
    depth = Math.max(depth, level + 1);
    for (const [name, part] of Object.entries(one)) {
      bytes += Array.isArray(one) ? 0 : name.length * 2;
      open.push([part, level + 1]);
    }
  }
  return { bytes, depth };
}
