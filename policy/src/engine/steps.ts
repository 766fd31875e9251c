import type { SubjectSize } from '../condition/scene.ts';
import type { Candidate } from './candidate.ts';

// A decision that is not remembered evaluates the conditions of all rules that may apply, and nobody
// else is served meanwhile. So what that may take is bounded, by a measure that is the same on every
// machine and for every subject of a size.

/** The rules that may concern what a subject does with a type. */
export const cellRulesMax = 5_000;
/** What it may take to find out which of them concern a subject, in steps of about 50 ns. */
export const cellStepsMax = 1_000_000;
/** What one decision may take, in such steps. */
export const decisionStepsMax = 300_000;
/** Pairs of characters that are compared in one step, where one text is looked for in another. */
const pairsPerStep = 300;

/** What it takes at most to evaluate some rules for a subject of a size. */
export function stepsOf(candidates: readonly Candidate[], size: SubjectSize): number {
  const { values, longest } = size;
  const search = (longest * longest) / pairsPerStep;
  return candidates.reduce((sum, { condition }) => {
    if (!condition) return sum + 1;
    const { steps, stepsEach, stepsEachPair, textsInTexts } = condition.cost;
    return (
      sum + steps + stepsEach * values + stepsEachPair * values * values + textsInTexts * search
    );
  }, 0);
}
