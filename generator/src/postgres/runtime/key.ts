import type { Codec } from './codec.ts';

/** The greatest length of a key, in bytes of UTF-8. */
const keyMaxBytes = 1024;

/** What would be taken for something else, or what keys may not hold. */
const unsafe = /[%/\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]|^\s|\s$/gu;

/**
 * A key as callers write it: its parts, joined by "/". Within a part "%", "/" and what keys may not
 * hold stand percent-encoded. Undefined: the parts are too long for a key.
 */
export function formatKey(parts: readonly string[]): string | undefined {
  const key = parts.map(encodePart).join('/');
  return Buffer.byteLength(key) <= keyMaxBytes && key !== '' ? key : undefined;
}

/** The parts of a key of so many columns; undefined when the text is no such key. */
export function parseKey(key: string, columns: number): string[] | undefined {
  const parts = key.split('/').map(decodePart);
  const isWhole = parts.length === columns && parts.every((part) => part !== undefined);
  return isWhole && formatKey(parts as string[]) === key ? (parts as string[]) : undefined;
}

/**
 * The parts of the beginning of a key; undefined when no key begins so. Of a last part that ends
 * within a character what is before it.
 */
export function parsePrefix(prefix: string): string[] | undefined {
  const encoded = prefix.split('/');
  const whole = encoded.slice(0, -1).map(decodePart);
  let last = encoded.at(-1)?.replace(/%[0-9A-F]?$/, '') ?? '';
  while (decodePart(last) === undefined && /%[0-9A-F]{2}$/.test(last)) last = last.slice(0, -3);
  const parts = [...whole, decodePart(last)];
  return parts.includes(undefined) ? undefined : (parts as string[]);
}

function encodePart(part: string): string {
  const plain = part.replace(unsafe, encodeURIComponent);
  // Keys are in Unicode form NFC: what is not would become another key.
  const isNfc = plain.normalize('NFC') === plain;
  return (isNfc ? plain : encodeURIComponent(part)).replace(/^\.\.$/, '%2E%2E');
}

function decodePart(text: string): string | undefined {
  try {
    const part = decodeURIComponent(text);
    return part.includes('\0') ? undefined : part;
  } catch {
    return undefined;
  }
}

/** The text of a value as it stands in a key. */
export function keyText(codec: Codec, text: string): string {
  switch (codec) {
    case 'boolean':
      return text === 't' ? 'true' : 'false';
    case 'trimmed':
      return text.replace(/ +$/, '');
    case 'timestamp':
      return text.replace(' ', 'T');
    case 'timestamptz':
      return text.replace(' ', 'T').replace(/\+00$/, 'Z');
    default:
      return text;
  }
}

const integer = /^(?:0|-?[1-9]\d{0,18})$/;
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const decimal = /^-?\d{1,1000}(?:\.\d{1,1000})?$/;
const bounds: Readonly<Record<string, bigint>> = {
  smallint: 2n ** 15n,
  integer: 2n ** 31n,
  bigint: 2n ** 63n,
};

/**
 * Whether a text is surely a value of a type, surely none, or only the database can tell. As only
 * the text that the database itself writes is a key, what is written otherwise is none.
 */
export function judge(sql: string, text: string): 'value' | 'none' | 'unknown' {
  const bound = bounds[sql];
  if (bound !== undefined) {
    if (!integer.test(text)) return 'none';
    const value = BigInt(text);
    return value >= -bound && value < bound ? 'value' : 'none';
  }
  if (sql === 'uuid') return uuid.test(text) ? 'value' : 'none';
  if (sql === 'boolean') return text === 'true' || text === 'false' ? 'value' : 'none';
  if (sql === 'numeric') return decimal.test(text) ? 'value' : 'unknown';
  const isText = sql === 'text' || sql === 'character varying' || sql === 'bpchar';
  return isText ? 'value' : 'unknown';
}
