import { createSecretKey } from 'node:crypto';
import type { Obligations } from '../model.ts';
import { changesOf } from './changes.ts';
import { dutyAt, noDuty } from './duty.ts';
import { REDACTED_MAX_BYTES } from './limits.ts';
import { decoded, type Form, formOf, isBinary } from './media.ts';
import type { Redactor } from './model.ts';
import { redactJson } from './redact-json.ts';
import { compileRules, type Rules, type Tagged } from './rules.ts';
import { type Account, createAccount, dutyOnText, searched } from './texts.ts';

/** What obligations need to be done. */
export interface RedactorOptions {
  /** The JSON Pointers, with "*", of the fields that the type's schema gives a tag; see `taggedPointers`. */
  readonly tagged: Tagged;
  /** The tenant's key for hashes: at least 32 bytes; with less, what asks for hashes is refused. */
  readonly hashKey: Uint8Array;
}

/** What a text becomes that could not be searched. */
const WITHHELD = '[withheld]';
const HASH_KEY_MIN_BYTES = 32;
const EMPTY = new Uint8Array(0);

/**
 * Makes what does all that a set of obligations asks of values. Obligations that are not known
 * here, such as a detector of a newer version, make it refuse every value.
 */
export function createRedactor(
  obligations: Pick<Obligations, 'list'>,
  options: RedactorOptions,
): Redactor {
  const rules = compileRules(obligations.list, options.tagged);
  if (rules === undefined) return refusing;
  const hasHashes = rules.list.some(({ kind }) => kind === 'hash');
  if (hasHashes && options.hashKey.byteLength < HASH_KEY_MIN_BYTES) return refusing;
  // As an object, for a hash with the bytes takes eight times as long.
  const hashKey = createSecretKey(options.hashKey);
  const searches = [
    ...new Set(rules.list.flatMap((each) => (each.kind === 'search' ? [each.search] : []))),
  ];

  return {
    isIdle: rules.list.length === 0,
    hidesFields: rules.list.some(({ kind }) => kind !== 'search'),

    value(payload, contentType) {
      if (rules.list.length === 0 || payload.byteLength === 0) return { payload, changes: [] };
      const account = createAccount(hashKey);
      const made = redactBytes(payload, formOf(contentType), { rules, account });
      if (made === undefined || account.findings.isExhausted) return undefined;
      return { payload: made, changes: changesOf(account) };
    },

    text(text, field = '') {
      if (searches.length === 0 || text === '') return text;
      const account = createAccount(hashKey);
      const made = searched(text, searches, field, account);
      return account.findings.isExhausted ? WITHHELD : made;
    },
  };
}

const refusing: Redactor = {
  isIdle: false,
  hidesFields: true,
  value: () => undefined,
  text: () => WITHHELD,
};

interface Work {
  readonly rules: Rules;
  readonly account: Account;
}

function redactBytes(payload: Uint8Array, form: Form, work: Work): Uint8Array | undefined {
  const drop = wholeRules(work.rules).drop;
  if (drop && form !== 'json' && form !== 'lines') {
    work.account.applied.add(drop);
    return EMPTY;
  }
  if (payload.byteLength > REDACTED_MAX_BYTES || form === 'opaque') return undefined;
  const read = decoded(payload);
  if (read === undefined) return undefined;
  const made = redactText(read.text, form, work);
  if (made === undefined) return undefined;
  return made === read.text ? payload : Buffer.from(read.mark + made);
}

function redactText(text: string, form: Form, work: Work): string | undefined {
  switch (form) {
    case 'json':
      return redactJson(text, work.rules, work.account);
    case 'lines':
      return redactLines(text, work);
    case 'text':
    case 'any':
      return redactPlain(text, work);
    case 'opaque':
      return undefined;
  }
}

/** Each line is a value of its own; empty ones stay. */
function redactLines(text: string, { rules, account }: Work): string | undefined {
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    const made = line.trim() === '' ? line : redactJson(line, rules, account);
    if (made === undefined) return undefined;
    lines.push(made);
  }
  return lines.join('\n');
}

/** A text that is JSON whatever it is called, or one whose only field is the whole. */
function redactPlain(text: string, { rules, account }: Work): string | undefined {
  if (/^[ \t\r\n]*[{[]/.test(text)) {
    const asJson = createAccount(account.hashKey);
    const made = redactJson(text, rules, asJson);
    if (made !== undefined) {
      Object.assign(account.findings, asJson.findings);
      for (const rule of asJson.applied) account.applied.add(rule);
      for (const [kind, count] of asJson.found) account.found.set(kind, count);
      return made;
    }
  }
  if (isBinary(text) || rules.list.some(({ pointer }) => pointer !== '')) return undefined;
  return dutyOnText(text, wholeRules(rules), '', account);
}

/** What is to be done to the whole of a value. */
function wholeRules({ list, selection }: Rules) {
  return dutyAt(noDuty, [selection], list);
}
