import { findKeys } from '@weir/kit/scrub';
import { isDigit, isLetter } from './digit-groups.ts';
import { DETECTORS_MAX_STEPS, type Findings, isSpent, type TextDetector } from './model.ts';

const NAME_MAX_CHARS = 40;
/** How much of a value is looked at to tell whether it is a secret. */
const VALUE_LOOKED_AT_CHARS = 64;
const VALUE_ENDS = ' \t\r\n,;&"\'`<>)}]';
/** What is called a password is one from this length on. */
const CALLED_MIN_CHARS = 4;
/** Shorter ones are told by no form. */
const KEY_MIN_CHARS = 12;
const RANDOM_MIN_CHARS = 16;
/** Bits of each character of a random text: words have less. */
const RANDOM_MIN_ENTROPY = 3.5;
const HEX_MIN_CHARS = 32;
const HEX_MIN_ENTROPY = 2.8;

/** Names that hold a secret whatever it looks like; and names that hold one if it looks random. */
const certainNames =
  /(?:pass(?:word|wd|phrase|code)|pwd|(?:client|shared|app|consumer)?secret(?:key)?|(?:api|access|private|account|signing|encryption|sharedaccess|master|service)key|(?:access|refresh|auth|api|bearer|id)token|密码|密碼|口令)\d*$/;
const likelyNames =
  /(?:key|token|auth|credentials?|sig|signature|salt|session|sessionid|sid|cookie|webhook)\d*$/;
/** Keys that are no secret. */
const openNames = /(?:public|primary|foreign|sort|partition|cache|idempotency|row)key\d*$/;
/** What all of these names hold, for a first look. */
const anyName = /pass|pwd|secret|key|token|auth|cred|sig|salt|session|sid|cookie|webhook|[码碼令]/i;
/** What stands for a secret that is elsewhere. */
const placeholder =
  /^(?:[*x•.]+|<[^>]*>|\[[^\]]*\]|\$\{.*|\$[A-Z_]+|\{\{.*|%[A-Z_]+%|secret:\/\/.*|null|none|true|false|undefined|nil|(?:process|os|env)\..*|redacted|required|optional|string)$/i;

/** How sure a name is. */
type Sureness = 'certain' | 'likely' | 'none';

/**
 * Keys, tokens and passwords: by their form (see `findKeys`), by the name before "=" or ":", and
 * by the name of their field, some of them only when they look random.
 */
export const secret: TextDetector = {
  name: 'secret',
  mayHold: (_, text) => text.length >= CALLED_MIN_CHARS,
  find(text, { findings, field }) {
    const sureness = surenessOf(field);
    if (sureness !== 'none' && isSecret(text.trim(), sureness, findings)) {
      findings.finds.push({ start: 0, end: text.length, kind: 'secret' });
      return;
    }
    if (text.length < KEY_MIN_CHARS) return findAssignments(text, findings);
    const looked = findKeys(
      text,
      (start, end) => findings.finds.push({ start, end, kind: 'secret' }),
      text.length + DETECTORS_MAX_STEPS - findings.steps,
    );
    findings.scanned += text.length;
    findings.steps += looked - text.length;
    findAssignments(text, findings);
  },
};

function findAssignments(text: string, findings: Findings): void {
  for (let at = nextAssignment(text, 0); at >= 0 && !isSpent(findings); ) {
    at = nextAssignment(text, findAssigned(text, at, findings) + 1);
  }
  findings.scanned += 2 * text.length;
}

function nextAssignment(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 61 || code === 58 || code === 62) return at;
  }
  return -1;
}

/** Finds what is assigned at a "=" or ":", or behind the ">" of `<password>`; returns where to go on. */
function findAssigned(text: string, at: number, findings: Findings): number {
  const name = nameBefore(text, at, findings);
  const sureness = surenessOf(name);
  const isElement = text[at] === '>';
  if (sureness === 'none' || (isElement && text[at - name.length - 1] !== '<')) return at;
  let start = at + 1;
  if (text[start] === '>') start++;
  while (start < at + 4 && (text[start] === ' ' || text[start] === '\t')) start++;
  const quote = isElement ? '<' : quoteAt(text, start);
  if (quote !== undefined && !isElement) start += text[start] === '\\' ? 2 : 1;
  if (text[start] === '=' || text.startsWith('//', start)) return at;
  const end = valueEnd(text, start, { quote, maxChars: VALUE_LOOKED_AT_CHARS });
  findings.steps += end - start;
  const value = text.slice(start, end);
  if (!isSecret(value, sureness, findings)) return at;
  // A word behind a colon may be prose: "Password: please choose one".
  const isProse =
    text[at] === ':' && quote === undefined && /^[a-z]+$/i.test(value) && text[end] === ' ';
  if (isProse) return at;
  const whole = valueEnd(text, start, { quote });
  findings.steps += whole - end;
  findings.finds.push({ start, end: whole, kind: 'secret' });
  return whole - 1;
}

/** The word before an assignment, without quotes. */
function nameBefore(text: string, at: number, findings: Findings): string {
  let end = at;
  while (end > 0 && at - end < 4 && ` "'\`\\]`.includes(text[end - 1] ?? '.')) end--;
  let start = end;
  while (start > 0 && end - start < NAME_MAX_CHARS && isNamePart(text.charCodeAt(start - 1)))
    start--;
  findings.steps += at - start + 4;
  return text.slice(start, end);
}

function isNamePart(code: number): boolean {
  return (
    isLetter(code) || isDigit(code) || code === 95 || code === 45 || code === 46 || code > 0x3000
  );
}

/** The quote that stands here, itself quoted or not. */
function quoteAt(text: string, at: number): string | undefined {
  const quote = text[at] === '\\' ? text[at + 1] : text[at];
  return quote === '"' || quote === "'" || quote === '`' ? quote : undefined;
}

/** Where an assigned value ends, or is longer than what is looked at. */
function valueEnd(
  text: string,
  start: number,
  { quote, maxChars = text.length }: { quote: string | undefined; maxChars?: number },
): number {
  const last = Math.min(text.length, start + maxChars);
  let end = start;
  for (; end < last; end++) {
    const character = text[end] ?? '';
    if (quote ? character === quote || character === '\n' : VALUE_ENDS.includes(character)) break;
  }
  while (quote !== undefined && end > start && text[end - 1] === '\\') end--;
  return end;
}

function surenessOf(name: string): Sureness {
  if (name.length < 2 || name.length > 128) return 'none';
  if (!anyName.test(name)) return 'none';
  const plain = name.replaceAll(/[-_. ]/g, '').toLowerCase();
  if (certainNames.test(plain)) return 'certain';
  return likelyNames.test(plain) && !openNames.test(plain) ? 'likely' : 'none';
}

function isSecret(value: string, sureness: Sureness, findings: Findings): boolean {
  if (value.length < CALLED_MIN_CHARS || placeholder.test(value)) return false;
  if (sureness === 'certain') return true;
  const some = value.slice(0, VALUE_LOOKED_AT_CHARS);
  return !/\s/.test(some) && looksRandom(some, findings);
}

/** Whether letters and digits stand in a row as nobody writes them. */
function looksRandom(value: string, findings: Findings): boolean {
  findings.steps += value.length;
  const words = value.match(/[A-Za-z0-9]{16,}/g) ?? [];
  return words.some((word) => {
    if (word.length < RANDOM_MIN_CHARS || !/\d/.test(word) || !/[A-Za-z]/.test(word)) return false;
    const entropy = entropyOf(word);
    const isHex = word.length >= HEX_MIN_CHARS && /^[\da-f]+$/i.test(word);
    return entropy >= (isHex ? HEX_MIN_ENTROPY : RANDOM_MIN_ENTROPY);
  });
}

/** Shannon's entropy, in bits for each character. */
function entropyOf(word: string): number {
  const counts = new Map<string, number>();
  for (const character of word) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) {
    const share = count / word.length;
    bits -= share * Math.log2(share);
  }
  return bits;
}
