import { createHash } from 'node:crypto';
import { type DescMessage, type JsonValue, type MessageShape, toJson } from '@bufbuild/protobuf';

/** The hash of what a message says: SHA-256, in hexadecimal, of its canonical JSON. */
export function hashOf<Desc extends DescMessage>(desc: Desc, message: MessageShape<Desc>): string {
  return createHash('sha256')
    .update(canonicalJson(toJson(desc, message)))
    .digest('hex');
}

/** JSON with sorted names and no blanks, so that equal values are equal texts. */
export function canonicalJson(value: JsonValue): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const fields = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, held]) => `${JSON.stringify(name)}:${canonicalJson(held)}`);
  return `{${fields.join(',')}}`;
}
