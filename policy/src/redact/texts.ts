import { createHmac, type KeyObject } from 'node:crypto';
import canonicalize from 'canonicalize';
import { createFindings, type Findings } from '../detect/model.ts';
import { merged, replaced, type Search } from '../detect/search.ts';
import type { Duty } from './duty.ts';
import type { Rule } from './rules.ts';

/** What stands for a text that is masked. */
export const MASKED = '***';
const ELLIPSIS = '…';
/** 16 bytes in hexadecimal. */
const HASH_CHARS = 32;

/** What has been done and found in one value so far. */
export interface Account {
  readonly hashKey: KeyObject;
  readonly findings: Findings;
  /** Members, elements and rules looked at. */
  steps: number;
  /** The rules that did something. */
  readonly applied: Set<Rule>;
  /** How often each kind was found. */
  readonly found: Map<string, number>;
}

/** Begins the account of one value. */
export function createAccount(hashKey: KeyObject): Account {
  return { hashKey, findings: createFindings(), steps: 0, applied: new Set(), found: new Map() };
}

/** Does to a text what is to be done, but for dropping it. The text given when nothing is. */
export function dutyOnText(text: string, duty: Duty, field: string, account: Account): string {
  const { hash, mask, truncate, searches } = duty;
  if (hash) {
    account.applied.add(hash);
    return hashOf(text, account.hashKey);
  }
  if (mask) {
    account.applied.add(mask);
    const kept = keptEnd(text, mask.keepLast);
    // What detectors find is not shown in part either.
    return kept === '' || searched(text, searches, field, account) !== text
      ? MASKED
      : MASKED + kept;
  }
  const left = searches.length === 0 ? text : searched(text, searches, field, account);
  if (truncate === undefined) return left;
  const cut = truncated(left, truncate.characters);
  if (cut !== left) account.applied.add(truncate);
  return cut;
}

/** A text with all that is found in it replaced. */
export function searched(
  text: string,
  searches: readonly Search[],
  field: string,
  account: Account,
): string {
  const { findings, found } = account;
  for (const search of searches) search(text, { findings, field });
  if (findings.finds.length === 0) return text;
  const finds = merged(findings.finds);
  findings.finds = [];
  for (const { kind } of finds) found.set(kind, (found.get(kind) ?? 0) + 1);
  return replaced(text, finds);
}

/**
 * "hash:" and the first 16 bytes of HMAC-SHA-256 over the canonical JSON of a value (RFC 8785).
 * Throws when it has none: half a surrogate pair, a number beyond all bounds.
 */
export function hashOf(value: unknown, key: KeyObject): string {
  const canonical = canonicalize(value);
  if (canonical === undefined) throw new Error('it has no canonical form');
  const digest = createHmac('sha256', key).update(canonical).digest('hex');
  return `hash:${digest.slice(0, HASH_CHARS)}`;
}

/** The last characters of a text that is at least twice as long; else none. */
function keptEnd(text: string, count: number): string {
  if (count === 0) return '';
  const characters = [...text.slice(-4 * count)];
  // Twice as long in code points takes no more than four times as many code units.
  return characters.length < 2 * count ? '' : characters.slice(-count).join('');
}

/** A text cut after some characters, which are code points. */
function truncated(text: string, count: number): string {
  if (text.length <= count) return text;
  const most = text.slice(0, 2 * count + 1);
  let units = 0;
  for (let characters = 0; characters < count; characters++) {
    units += (most.codePointAt(units) ?? 0) > 0xffff ? 2 : 1;
  }
  return units >= text.length ? text : text.slice(0, units) + ELLIPSIS;
}
