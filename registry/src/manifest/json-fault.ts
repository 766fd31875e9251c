import type { JsonValue } from '@bufbuild/protobuf';

const DEPTH_MAX = 64;

/** What keeps a value that came as a message from being JSON that can be kept and sent on. */
export function jsonFault(value: JsonValue, depth = 0): string | undefined {
  if (depth > DEPTH_MAX) return `nested deeper than ${DEPTH_MAX}; flatten it`;
  if (typeof value === 'string') return textFault(value);
  if (typeof value === 'number') {
    return Number.isFinite(value) ? undefined : 'holds a number that is not finite';
  }
  if (value === null || typeof value !== 'object') return undefined;
  for (const [name, held] of Object.entries(value)) {
    const fault = textFault(name) ?? jsonFault(held, depth + 1);
    if (fault) return fault;
  }
  return undefined;
}

function textFault(text: string): string | undefined {
  return text.isWellFormed() ? undefined : 'holds half a surrogate pair; send valid Unicode';
}
