import { plainText } from '../gather/bounds.ts';
import type { Findings } from './examine.ts';

/**
 * What an item's quality is made of, as far as it stays the same from call to call. Kept beside
 * the item, so that no hit parses a value. NaN: not known, and left out of the score.
 */
export interface Judged {
  /** How far the value keeps to the schema of its type. */
  readonly validity: number;
  /** The share of the expected fields that it has. */
  readonly completeness: number;
  /** The provider's own judgement. */
  readonly judgement: number;
  /** What lowered them, for people; at most 8, of 200 characters. */
  readonly notes: readonly string[];
}

/** Nothing is known. */
export const unjudged: Judged = {
  validity: Number.NaN,
  completeness: Number.NaN,
  judgement: Number.NaN,
  notes: [],
};

const NOTES_MAX = 8;
const NOTE_MAX_CHARS = 200;

/** What was found out about a value. A check that was asked for and did not end counts as 0. */
export function judge(findings: Findings | undefined, judgement: number | undefined): Judged {
  if (!findings && judgement === undefined) return unjudged;
  const { validity, completeness, unchecked, notes = [] } = findings ?? {};
  const told = unchecked === undefined ? notes : [`not checked: ${unchecked}`, ...notes];
  return {
    validity: unchecked === undefined ? (validity ?? Number.NaN) : 0,
    completeness: completeness ?? Number.NaN,
    judgement: judgement ?? Number.NaN,
    notes: told.slice(0, NOTES_MAX).map((note) => plainText(note, NOTE_MAX_CHARS)),
  };
}
