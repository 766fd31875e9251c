import { type Condition, compileCondition } from '../condition/condition.ts';
import type { Scene } from '../condition/scene.ts';
import type { IndexedRule } from './indexed-rule.ts';
import { type CanonicalObligation, canonicalObligation } from './obligation-sets.ts';

/** What a rule comes to in a scene. */
export type Outcome =
  | 'applies'
  | 'not'
  /** It depends on what is not known yet. */
  | 'open'
  | 'failed';

/** A rule that may apply to what a subject does with a type. */
export interface Candidate {
  readonly rule: IndexedRule;
  /** Undefined: it holds, whatever else is known. */
  readonly condition: Condition | undefined;
  /** Why its condition cannot be compiled: it fails wherever it may apply. */
  readonly broken: string | undefined;
  readonly obligations: readonly CanonicalObligation[];
}

/** What is dear to make of a rule, kept as long as the rule. */
const prepared = new WeakMap<IndexedRule, Candidate>();

/** Makes a candidate of a rule, once. */
export function candidateOf(rule: IndexedRule): Candidate {
  const held = prepared.get(rule);
  if (held) return held;
  const { condition, obligations } = rule.source;
  const made = {
    rule,
    ...conditionOf(condition),
    obligations: rule.effect === 'deny' ? [] : obligations.map(canonicalObligation),
  };
  prepared.set(rule, made);
  return made;
}

function conditionOf(text: string): Pick<Candidate, 'condition' | 'broken'> {
  if (text === '') return { condition: undefined, broken: undefined };
  try {
    return { condition: compileCondition(text), broken: undefined };
  } catch (error) {
    return { condition: undefined, broken: causeOf(error) };
  }
}

/** Whether a rule is about every type alike: so that types which no other rule names are one. */
export function isGeneral(rule: IndexedRule): boolean {
  const { resources } = rule.source;
  const isOfAll = !resources || resources.types.length === 0 || resources.types.includes('*');
  if (!isOfAll) return false;
  const reads = candidateOf(rule).condition?.reads ?? [];
  return reads.every(({ variable, field }) => variable !== 'resource' || field !== 'type');
}

/** Evaluates a candidate; `fail` is told the cause when it cannot be. Never throws. */
export function outcomeOf(
  { condition, broken }: Candidate,
  scene: Scene,
  fail?: (cause: string) => void,
): Outcome {
  if (broken !== undefined) {
    fail?.(broken);
    return 'failed';
  }
  if (condition === undefined) return 'applies';
  scene.touched = false;
  try {
    return condition.holds(scene) ? 'applies' : 'not';
  } catch (error) {
    // What is not known counts as an operand that fails, so that "or" and "and" decide without it
    // where they can. If it was read, a failure may be its failure, or vanish with it.
    if (scene.touched) return 'open';
    fail?.(causeOf(error));
    return 'failed';
  }
}

/** What went wrong, without the drawing of the condition that the CEL library adds. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  return (error.message.split('\n', 1)[0] ?? '').slice(0, 200);
}
