import type { JsonValue } from '@bufbuild/protobuf';

/**
 * JSON with sorted names and no blanks, so that equal values are equal texts and others are not. Numbers
 * that JSON has no form for, which messages can hold, stand by their names.
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const fields = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name] ?? null)}`);
  return `{${fields.join(',')}}`;
}
