import type { Features } from './features.ts';

/** Something found in a text: from `start` to before `end`. */
export interface Find {
  readonly start: number;
  readonly end: number;
  /** What stands in the brackets in its place. */
  readonly kind: string;
}

/** What one redaction has found in the text at hand, and what it has cost so far. */
export interface Findings {
  finds: Find[];
  /** Characters that were passed in reading a text from its beginning to its end. */
  scanned: number;
  /**
   * Characters that were looked at again, where something might stand. With those scanned the measure
   * by which detectors are proven to be linear; these take longer, and so they are bounded.
   */
  steps: number;
  /** Time spent in patterns of one's own, in ms. */
  patternsMs: number;
  /** Whether it took too much, so that what was found may not be all. */
  isExhausted: boolean;
}

/** Begins an account of findings. */
export function createFindings(): Findings {
  return { finds: [], scanned: 0, steps: 0, patternsMs: 0, isExhausted: false };
}

/** How many steps the detectors may take in one value: about a second. */
export const DETECTORS_MAX_STEPS = 64_000_000;

/**
 * How many characters may be passed in one value, where several obligations have it searched in ways of
 * their own: about half a second. All detectors together pass nine for each character at most.
 */
const DETECTORS_MAX_SCANNED = 100_000_000;

/** Whether the steps are spent; then whatever searches may stop, and the value is refused. */
export function isSpent(findings: Findings): boolean {
  if (findings.steps > DETECTORS_MAX_STEPS) findings.isExhausted = true;
  if (findings.scanned > DETECTORS_MAX_SCANNED) findings.isExhausted = true;
  return findings.isExhausted;
}

/** Where digits stand in groups near each other, such as `4111 1111 1111 1111`. */
export interface DigitGroups {
  /** Where each group starts and, at the same place of the other list, ends. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly count: number;
  /** How many digits they have together. */
  readonly digits: number;
}

/** A detector: finds one kind of thing. Looks at each character a bounded number of times. */
export type Detector = TextDetector | DigitsDetector;

/** A detector that reads a text from its beginning to its end. */
export interface TextDetector {
  readonly name: string;
  /** Whether a text of these features can hold any. */
  mayHold(features: Features, text: string): boolean;
  find(text: string, found: FindingsIn): void;
}

/** A detector that is shown groups of digits. */
export interface DigitsDetector {
  readonly name: string;
  /** How many digits one holds at least. */
  readonly minDigits: number;
  findInDigits(text: string, groups: DigitGroups, found: FindingsIn): void;
}

/** Findings, and in which field. */
export interface FindingsIn {
  readonly findings: Findings;
  /** The name of the member that holds the text; empty: not known. */
  readonly field: string;
}
