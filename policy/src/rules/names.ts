import { keyFault } from '@weir/kit';
import { quoted } from './fault.ts';

const name = /^[a-z][a-z0-9-]{0,62}$/;
const principal = /^[a-z0-9\-_.@:]{1,127}$/;
const type = /^(?:[A-Z][A-Za-z0-9]{0,62})?\*?$/;
/** The beginning of a topic of events: it may end anywhere. */
const topic = /^[a-z0-9][a-z0-9_.-]{0,254}\*?$/;
const provider = /^(?:[a-z][a-z0-9-]{0,62})?\*?$/;
const tag = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
const foreignMaxChars = 256;

/** Says what is wrong with the name of a policy, rule, purpose or pattern. Undefined: nothing. */
export function nameFault(text: string): string | undefined {
  if (name.test(text)) return undefined;
  return `${quoted(text)} is not a name; use 1 to 63 of a-z, 0-9 and "-", beginning with a letter`;
}

/** Says what is wrong with the name of a principal, or of a role that is described. */
export function principalFault(text: string): string | undefined {
  if (principal.test(text)) return undefined;
  return `${quoted(text)} is not a name; use 1 to 127 of a-z, 0-9, "-", "_", ".", "@" and ":"`;
}

/** Says what is wrong with a role or group that others name, as an identity provider. */
export function foreignFault(text: string): string | undefined {
  const plain = text !== '' && text.length <= foreignMaxChars && text.isWellFormed();
  if (plain && !/\p{Cc}/u.test(text)) return undefined;
  return `${quoted(text)} is not a name; use 1 to ${foreignMaxChars} characters, none of control`;
}

/** Says what is wrong with a pattern of types. */
export function typePatternFault(text: string): string | undefined {
  if (text !== '' && (type.test(text) || topic.test(text))) return undefined;
  return `${quoted(text)} is no type; write it as "SQLSchema", or a topic as "page.updated", or with "*" at the end`;
}

/** Says what is wrong with a pattern of providers. */
export function providerPatternFault(text: string): string | undefined {
  if (text !== '' && provider.test(text)) return undefined;
  return `${quoted(text)} is no provider; write it as "sql-schema", or with "*" at the end`;
}

/** Says what is wrong with a pattern of keys. */
export function keyPatternFault(text: string): string | undefined {
  if (text === '*') return undefined;
  const prefix = text.endsWith('*') ? text.slice(0, -1) : text;
  if (prefix.includes('*')) {
    return `${quoted(text)} has "*" before the end; use resource.key.matches in the condition`;
  }
  return keyFault(prefix);
}

/** Says what is wrong with a word of x-weir-tags. */
export function tagFault(text: string): string | undefined {
  if (tag.test(text)) return undefined;
  return `${quoted(text)} is not a tag; use 1 to 63 letters, digits, "-", "_" and "."`;
}
