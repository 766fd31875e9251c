import type { Sensitivity } from '@weir/sdk';
import { signs, stateWords, type Treatment } from './signs.ts';
import { wordsOf } from './words.ts';

/** What is known of a field before any value of it was seen. */
export interface FieldHint {
  /** Its name, such as `homePhone` or `card_number`. */
  readonly name: string;
  /** The format that its schema states, such as `email`. Default: none. */
  readonly format?: string | undefined;
  /** What its author says of it. Default: nothing. */
  readonly description?: string | undefined;
  /** Whether it holds a text or a number at all: what is true or false tells nothing. Default: yes. */
  readonly holdsText?: boolean | undefined;
}

/** How sensitive a field probably is, and what makes one think so. */
export interface Suggestion {
  readonly level: Sensitivity;
  /** For people, such as `the name says "iban"`. */
  readonly reason: string;
  /** What a policy should do to it for those who need not know it. */
  readonly treatment: Treatment;
}

const secretFormats: ReadonlySet<string> = new Set(['password', 'secret', 'private-key']);
const personalFormats: ReadonlySet<string> = new Set(['email', 'idn-email', 'phone', 'ssn']);

/** What an author says in so many words. Common words alone, such as "token", would say nothing. */
const phrases: readonly (readonly [pattern: RegExp, level: Sensitivity, treatment: Treatment])[] = [
  [/\bsocial security number\b/i, 'restricted', 'drop'],
  [/\b(?:personally identifiable|personal data|PII)\b/i, 'confidential', 'mask'],
  [/\bdate of birth\b/i, 'confidential', 'mask'],
  [/\b(?:user|customer|person|member|recipient)['’]s e-?mail\b/i, 'confidential', 'mask'],
];

/**
 * Suggests how sensitive a field is by its format, name and description, in this order. Undefined:
 * nothing says that it is more than internal.
 */
export function suggestSensitivity(hint: FieldHint): Suggestion | undefined {
  const { name, format = '', description = '', holdsText = true } = hint;
  if (!holdsText) return undefined;
  const said = `the format is "${format}"`;
  if (secretFormats.has(format)) return { level: 'restricted', reason: said, treatment: 'drop' };
  if (personalFormats.has(format)) {
    return { level: 'confidential', reason: said, treatment: 'mask' };
  }
  return byName(name) ?? byDescription(description);
}

function byName(name: string): Suggestion | undefined {
  const words = wordsOf(name);
  if (stateWords.has(words.at(-1) ?? '') || stateWords.has(words[0] ?? '')) return undefined;
  for (const { words: wanted, level, treatment, unless = [] } of signs) {
    if (!holdsInARow(words, wanted) || unless.some((word) => words.includes(word))) continue;
    return { level, reason: `the name says "${wanted.join(' ')}"`, treatment };
  }
  return undefined;
}

function byDescription(description: string): Suggestion | undefined {
  for (const [pattern, level, treatment] of phrases) {
    const [phrase] = pattern.exec(description) ?? [];
    if (phrase) return { level, reason: `the description says "${phrase}"`, treatment };
  }
  return undefined;
}

function holdsInARow(words: readonly string[], wanted: readonly string[]): boolean {
  return words.some((_, start) => wanted.every((word, at) => words[start + at] === word));
}
