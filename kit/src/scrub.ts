import { type KeyShape, keyShapes } from './key-shapes.ts';

/** What stands in place of what was removed. */
const REMOVED = '[secret]';
/** How much of what follows a weak prefix is looked at. */
const LOOKED_AT_CHARS = 64;
const RANDOM_CHARS = 12;
const PEM_LABEL_MAX_CHARS = 48;
const USER_INFO_MAX_CHARS = 1024;
const USER_ALONE_MIN_CHARS = 20;
const ownKeyStart = 'weir_0123456789abcdef_';

/** Kinds of characters, as bits. */
const WORD = 1;
const URL_SAFE = 2;
const TOKEN = 4;
const PEM = 8;
const USER_INFO = 16;
const kinds = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code);
  const isWord = /[A-Za-z0-9]/.test(character);
  kinds[code] =
    (isWord ? WORD : 0) |
    (isWord || '-_'.includes(character) ? URL_SAFE : 0) |
    (isWord || '-_.~+/='.includes(character) ? TOKEN : 0) |
    (isWord || '+/=\\:,.-_() \t\r\n'.includes(character) ? PEM : 0) |
    (/[!-~]/.test(character) && !'/?#"\'<>\\`{}|'.includes(character) ? USER_INFO : 0);
}

interface Scan {
  readonly text: string;
  /** Characters looked at, for the proof that this is linear. */
  steps: number;
  /** Before here no further token of three parts begins. */
  tokensFrom: number;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Says where a secret stands whose mark begins here; undefined: none does. */
type Try = (scan: Scan, at: number) => Span | undefined;

/** By the first two characters of a mark, what to try: the way from 16,384 pairs to few tries. */
const tries: Try[][] = [];
const tryOfPair = new Uint8Array(128 * 128);
for (const each of keyShapes) addTry(each.prefix, shapeTry(each));
addTry('weir_', tryOwnKey);
addTry('eyJ', tryToken);
addTry('--', tryPrivateKey);
addTry('//', tryUserInfo);
for (const mark of ['be', 'Be', 'BE', 'ba', 'Ba', 'BA']) addTry(mark, tryAuthorization);

/**
 * Finds what by its form alone is a secret: keys with the prefix of their maker (Weir's too), JSON
 * web tokens, private keys in PEM, what follows `Bearer` and `Basic`, and user info with a password
 * in URLs. Looks at each character a bounded number of times; returns how many were looked at in
 * all, and gives up beyond `maxSteps`.
 */
export function findKeys(
  text: string,
  onFound: (start: number, end: number) => void,
  maxSteps = Number.POSITIVE_INFINITY,
): number {
  const scan: Scan = { text, steps: text.length, tokensFrom: 0 };
  let before = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const tried = code < 128 ? (tryOfPair[before * 128 + code] as number) : 0;
    before = code < 128 ? code : 0;
    if (tried === 0) continue;
    const found = firstFound(scan, at - 1, tries[tried] as readonly Try[]);
    if (scan.steps > maxSteps) break;
    if (found === undefined) continue;
    onFound(found.start, found.end);
    at = found.end - 1;
    before = 0;
  }
  return scan.steps;
}

/** Removes from a text for logs and errors what by its form is a secret; see `findKeys`. */
export function scrubSecrets(text: string): string {
  let scrubbed = '';
  let at = 0;
  findKeys(text, (start, end) => {
    scrubbed += text.slice(at, start) + REMOVED;
    at = end;
  });
  return at === 0 ? text : scrubbed + text.slice(at);
}

function firstFound(scan: Scan, at: number, some: readonly Try[]): Span | undefined {
  for (const each of some) {
    const found = each(scan, at);
    if (found) return found;
  }
  return undefined;
}

function addTry(mark: string, tried: Try): void {
  const pair = mark.charCodeAt(0) * 128 + mark.charCodeAt(1);
  const known = tryOfPair[pair] as number;
  if (known > 0) {
    tries[known]?.push(tried);
    return;
  }
  if (tries.length === 0) tries.push([]);
  tryOfPair[pair] = tries.push([tried]) - 1;
}

function shapeTry({ prefix, also, min, max, isWeak = false }: KeyShape): Try {
  const alphabet = kinds.map((kind, code) =>
    kind & WORD || also.includes(String.fromCharCode(code)) ? 1 : 0,
  );
  return (scan, at) => {
    const { text } = scan;
    scan.steps += prefix.length;
    if (!text.startsWith(prefix, at)) return undefined;
    const start = at + prefix.length;
    if (isWeak && !(startsWord(text, at) && looksRandom(scan, start, alphabet))) return undefined;
    const end = endOf(scan, start, alphabet, 1, max === undefined ? undefined : max + 1);
    if (end - start < min || (max !== undefined && end - start > max)) return undefined;
    // Behind a backslash the first letter is that of an escape, which must stay whole.
    return { start: text[at - 1] === '\\' ? at + 1 : at, end };
  };
}

/** Keys of Weir itself; see `mintApiKey`. Its metrics and variables begin in the same way. */
function tryOwnKey(scan: Scan, at: number): Span | undefined {
  scan.steps += ownKeyStart.length;
  if (!/^weir_[a-z0-9]{16}_/.test(scan.text.slice(at, at + ownKeyStart.length))) return undefined;
  const start = at + ownKeyStart.length;
  const end = endOf(scan, start, kinds, URL_SAFE);
  return end - start < 8 ? undefined : { start: at, end };
}

/** JSON web tokens (RFC 7519): three or five parts in base64url; the first begins `{"`. */
function tryToken(scan: Scan, at: number): Span | undefined {
  const { text } = scan;
  if (at < scan.tokensFrom || !text.startsWith('eyJ', at)) return undefined;
  const head = endOf(scan, at, kinds, URL_SAFE);
  scan.tokensFrom = head;
  if (head - at < 10 || text[head] !== '.') return undefined;
  let end = endOf(scan, head + 1, kinds, URL_SAFE);
  const isDirect = end === head + 1 && text[end] === '.';
  if (end - head < 8 && !isDirect) return undefined;
  for (let more = 0; more < 3 && text[end] === '.'; more++) {
    end = endOf(scan, end + 1, kinds, URL_SAFE);
  }
  return { start: at, end };
}

/** Private keys in PEM (RFC 7468), to the end mark, or as far as it could be one. */
function tryPrivateKey(scan: Scan, at: number): Span | undefined {
  const { text } = scan;
  scan.steps += 11;
  if (!text.startsWith('-----BEGIN ', at)) return undefined;
  scan.steps += PEM_LABEL_MAX_CHARS;
  const label = text.slice(at + 11, at + 11 + PEM_LABEL_MAX_CHARS);
  const named = /^[A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----/.exec(label)?.[0];
  if (named === undefined) return undefined;
  let end = at + 11 + named.length;
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code >= 128 || !((kinds[code] as number) & PEM)) break;
    if (code !== 45 || !text.startsWith('-----END ', end)) continue;
    const mark = /^-----END [A-Z0-9 ]{0,40}-----/.exec(text.slice(end, end + 60))?.[0];
    if (mark === undefined) continue;
    end += mark.length;
    break;
  }
  scan.steps += 2 * (end - at);
  while (text[end - 1] === '\\') end--;
  return { start: at, end };
}

/** `user:password` of a URL (RFC 3986), or a user so long that it is a token. */
function tryUserInfo(scan: Scan, at: number): Span | undefined {
  const { text } = scan;
  if (text[at - 1] !== ':') return undefined;
  const start = at + 2;
  const end = endOf(scan, start, kinds, USER_INFO, USER_INFO_MAX_CHARS);
  scan.steps += 2 * (end - start);
  const authority = text.slice(start, end);
  const length = authority.lastIndexOf('@');
  if (length <= 0) return undefined;
  const hasPassword = authority.slice(0, length - 1).includes(':');
  return hasPassword || length >= USER_ALONE_MIN_CHARS ? { start, end: start + length } : undefined;
}

/** What follows `Bearer` and `Basic` (RFC 6750, RFC 7617). */
function tryAuthorization(scan: Scan, at: number): Span | undefined {
  const { text } = scan;
  scan.steps += 8;
  const scheme = /^(?:bearer|basic)[ \t]{1,4}/i.exec(text.slice(at, at + 11))?.[0];
  if (scheme === undefined || !startsWord(text, at)) return undefined;
  const start = at + scheme.length;
  const end = endOf(scan, start, kinds, TOKEN);
  scan.steps += 2 * LOOKED_AT_CHARS;
  const isHeader = /authorization\W{1,6}$/i.test(text.slice(Math.max(0, at - 20), at));
  if (end - start < (isHeader ? 4 : 8)) return undefined;
  const known = isHeader || /[0-9]|=$/.test(text.slice(start, start + LOOKED_AT_CHARS));
  return known || end - start >= 24 ? { start, end } : undefined;
}

/** Where a run of characters of a kind ends. */
function endOf(
  scan: Scan,
  start: number,
  table: Uint8Array,
  kind: number,
  max = Number.POSITIVE_INFINITY,
): number {
  const { text } = scan;
  const last = Math.min(text.length, start + max);
  let end = start;
  for (; end < last; end++) {
    const code = text.charCodeAt(end);
    if (code >= 128 || !((table[code] as number) & kind)) break;
  }
  scan.steps += end - start;
  return end;
}

/** Whether no letter or digit stands before, but for those of an escape such as `\n` or `%20`. */
function startsWord(text: string, at: number): boolean {
  const code = at === 0 ? 0 : text.charCodeAt(at - 1);
  if (code >= 128 || !((kinds[code] as number) & WORD)) return true;
  return /(?:\\[bfnrt]|%[\da-f]{2}|\\u[\da-f]{4})$/i.test(text.slice(Math.max(0, at - 6), at));
}

/** Whether twelve letters and digits stand in a row, of both kinds: names of things have none. */
function looksRandom(scan: Scan, start: number, alphabet: Uint8Array): boolean {
  const end = endOf(scan, start, alphabet, 1, LOOKED_AT_CHARS);
  let length = 0;
  let hasDigit = false;
  let hasLetter = false;
  for (let at = start; at < end; at++) {
    const code = scan.text.charCodeAt(at);
    if (!((kinds[code] as number) & WORD)) {
      length = 0;
      hasDigit = false;
      hasLetter = false;
      continue;
    }
    length++;
    if (code < 58) hasDigit = true;
    else hasLetter = true;
    if (length >= RANDOM_CHARS && hasDigit && hasLetter) return true;
  }
  return false;
}
