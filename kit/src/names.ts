import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import semver from 'semver';
import { refuse, type WeirError } from './errors.ts';

/** The greatest length of a key, in bytes of UTF-8. */
export const keyMaxBytes = 1024;
const versionMaxChars = 128;
const rangeMaxChars = 256;

const namePattern = /^[a-z][a-z0-9-]{0,62}$/;
const typeNamePattern = /^[A-Z][A-Za-z0-9]{0,62}$/;
const principalNamePattern = /^[a-z0-9\-_.@:]{1,127}$/;
/** Most keys are of ASCII, of which nothing but a path segment ".." can be wrong. */
const plainKeyPattern = /^[\x20-\x7e]{1,1024}$/;
const controlPattern = /[\p{Cc}\p{Zl}\p{Zp}]/u;
const bidiPattern = /\p{Bidi_Control}/u;

/** Parses the name of a provider, consumer or tenant. Throws INVALID_NAME naming the field. */
export function parseName(field: string, value: string): string {
  if (namePattern.test(value)) return value;
  throw fault(Reason.INVALID_NAME, field, value, {
    reason: 'is not a name',
    mend: 'use 1 to 63 of a-z, 0-9 and "-", beginning with a letter',
  });
}

/** Parses the name of a context type. Throws INVALID_NAME naming the field. */
export function parseTypeName(field: string, value: string): string {
  if (typeNamePattern.test(value)) return value;
  throw fault(Reason.INVALID_NAME, field, value, {
    reason: 'is not the name of a context type',
    mend: 'use 1 to 63 of A-Z, a-z and 0-9, beginning with a capital',
  });
}

/** Parses the name of a principal. Throws INVALID_NAME naming the field. */
export function parsePrincipalName(field: string, value: string): string {
  if (principalNamePattern.test(value)) return value;
  throw fault(Reason.INVALID_NAME, field, value, {
    reason: 'is not the name of a principal',
    mend: 'use 1 to 127 of a-z, 0-9, "-", "_", ".", "@" and ":"',
  });
}

/** Parses the key of an item. Throws INVALID_KEY naming the field. */
export function parseKey(field: string, value: string): string {
  const text = keyFault(value);
  if (text === undefined) return value;
  throw refuse(Reason.INVALID_KEY, `${field}: ${text}`, {
    violations: [{ field, description: text }],
  });
}

/** Says what is wrong with a key, or undefined when nothing is. Never throws. */
export function keyFault(value: string): string | undefined {
  if (plainKeyPattern.test(value) && !value.includes('..')) return undefined;
  if (value === '') return 'the key is empty; name the item';
  if (value.length > keyMaxBytes || Buffer.byteLength(value) > keyMaxBytes) {
    return `the key is longer than ${keyMaxBytes} bytes; shorten it`;
  }
  if (!value.isWellFormed()) return 'the key holds half a surrogate pair; send valid UTF-8';
  if (controlPattern.test(value)) return 'the key holds a control character; leave it out';
  if (bidiPattern.test(value)) {
    return 'the key holds a character that turns the direction of writing; leave it out';
  }
  if (value.normalize('NFC') !== value) return 'the key is not in Unicode form NFC; normalise it';
  if (value.split('/').includes('..')) return 'the key holds a path segment ".."; leave it out';
  return undefined;
}

/** Parses a semver version. Throws INVALID_VERSION naming the field. */
export function parseVersion(field: string, value: string): string {
  if (value.length <= versionMaxChars && semver.valid(value) === value) return value;
  throw fault(Reason.INVALID_VERSION, field, value, {
    reason: 'is not a version',
    mend: 'use semver without build metadata, such as 1.2.3 or 2.0.0-beta.1',
  });
}

/** Parses a semver range. Throws INVALID_VERSION naming the field. */
export function parseRange(field: string, value: string): string {
  const filled = value.trim() !== '' && value.length <= rangeMaxChars;
  if (filled && semver.validRange(value) !== null) return value;
  throw fault(Reason.INVALID_VERSION, field, value, {
    reason: 'is not a version range',
    mend: 'use a semver range, such as ^1.2 or >=1.0.0 <3.0.0',
  });
}

function fault(
  reason: Reason,
  field: string,
  value: string,
  text: { reason: string; mend: string },
): WeirError {
  const description = `${quote(value)} ${text.reason}; ${text.mend}`;
  return refuse(reason, `${field}: ${description}`, { violations: [{ field, description }] });
}

/** What a caller sent, cut and escaped, since it goes into texts and logs. */
function quote(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value).toWellFormed();
}
