/** What a consumer asks for, in full. */
export interface ContextRef {
  /** The name of a context type, such as `DocChunk`. */
  readonly type: string;
  /** The key of the item within its type; 1 to 1024 bytes of UTF-8. */
  readonly key: string;
  /** The acceptable versions of the type, a semver range. Default: the consumer's pin, else any. */
  readonly versionRange?: string | undefined;
  /** The name of the provider to ask. Default: the router chooses. */
  readonly provider?: string | undefined;
}

/** A ref as text (`DocChunk/README.md#install`, `DocChunk@^1/README.md`) or in full. */
export type RefInput = string | ContextRef;

const TYPE_NAME = /^[A-Z][A-Za-z0-9]{0,62}$/;

/**
 * Reads a ref written as `TYPE/KEY` or `TYPE@RANGE/KEY`. The key is everything after the first
 * slash, further slashes included.
 *
 * @throws {TypeError} when the text is no ref; the message says what is wrong and how to mend it.
 */
export function parseRef(text: string): ContextRef {
  const slash = text.indexOf('/');
  if (slash === -1) throw refFault(text, 'has no key: write TYPE/KEY, such as DocChunk/README.md');
  const [type = '', ...range] = text.slice(0, slash).split('@');
  const key = text.slice(slash + 1);
  if (!TYPE_NAME.test(type)) {
    throw refFault(text, `has no valid type: "${type}" must be A-Z, a-z, 0-9 after a capital`);
  }
  if (key === '') throw refFault(text, 'has an empty key: write what follows the slash');
  if (range.length === 0) return { type, key };
  const versionRange = range.join('@').trim();
  if (versionRange === '') throw refFault(text, 'has an empty version range: drop the "@"');
  return { type, key, versionRange };
}

/**
 * Writes a ref as `parseRef` reads it. The provider has no place in the text and is left out.
 *
 * @throws {TypeError} when the version range holds a slash, which the text form cannot carry.
 */
export function formatRef(ref: ContextRef): string {
  if (!ref.versionRange?.includes('/')) return describeRef(ref);
  throw refFault(describeRef(ref), 'cannot be written as text: its version range holds a slash');
}

/** A ref for messages, whatever it holds. */
export function describeRef({ type, versionRange, key }: ContextRef): string {
  return `${type}${versionRange ? `@${versionRange}` : ''}/${key}`;
}

/** A ref in full from either form. */
export function toRef(input: RefInput): ContextRef {
  return typeof input === 'string' ? parseRef(input) : input;
}

function refFault(text: string, fault: string): TypeError {
  return new TypeError(`the ref "${text}" ${fault}`);
}
