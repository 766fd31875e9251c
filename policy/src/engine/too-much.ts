import type { Verdict } from '../model.ts';
import { levelTextMax } from './memo-levels.ts';
import { noObligations, setMax } from './obligation-sets.ts';
import { cellRulesMax, cellStepsMax, decisionStepsMax } from './steps.ts';

// What would take too long to be decided is denied, and administrators are told what to mend.

/** More rules may concern a type than are looked at. */
export const tooManyRules = denial(
  `more than ${cellRulesMax} rules may concern one type; let them name types or subjects`,
);
/** It takes too long to find out which rules concern a subject. */
export const tooManySteps = denial(
  `the conditions of the rules that may concern one type take more than ${cellStepsMax} steps; let rules name types or subjects`,
);
/** A decision takes too long. */
export const tooCostly = denial(
  `the conditions of the rules that may apply take more than ${decisionStepsMax} steps; let rules name types, keys or subjects`,
);
/** The item tells more than rules may read. */
export const tooLong = denial(
  `a text of the item that rules read is longer than ${levelTextMax} characters`,
);
/** More obligations meet than can be done. */
export const tooManyObligations = denial(
  `more than ${setMax} obligations meet; let rules share them, or name types, keys or subjects`,
);

function denial(failed: string): Verdict {
  return { effect: 'deny', rules: [], obligations: noObligations, failed };
}
