// What is to be proved, and how it is told when it cannot be.

import type { SchemaFault } from '../json-schema/json-schema.ts';
import { type Schema, step } from '../json-schema/tree.ts';
import type { View } from './facts.ts';
import type { Budget, Fact, Node } from './model.ts';
import type { Same } from './same.ts';

/** Which values are to be valid under which schema. */
export type Direction = 'backward' | 'forward';

/** A goal: that whatever the facts allow is valid under a node. */
export interface Goal {
  readonly facts: readonly Fact[];
  readonly view: View;
  readonly node: Node;
  readonly keywords: { readonly [keyword: string]: unknown };
  /** The place in the newer schema. */
  readonly path: string;
  readonly proof: Proof;
}

/** The proof under way. */
export interface Proof {
  readonly direction: Direction;
  readonly budget: Budget;
  readonly same: Same;
  /** The faults of a goal; none when it holds. The path is that of the goal around it. */
  prove(facts: readonly Fact[], node: Node, path: string): SchemaFault[];
  /** Whether it is certain that no value meets the facts. */
  isImpossible(facts: readonly Fact[]): boolean;
  /** A node that stands in neither document. */
  node(schema: Schema): Node;
}

/** What to do about a fault: to keep backward compatibility, and forward. */
export type Mends = readonly [backward: string, forward: string];

export const keepLimit: Mends = ['do not tighten it', 'do not loosen it'];
export const keepKeyword: Mends = ['keep it as it was', 'keep it as it was'];

/** What some values are that one version allows, and what the other says to that. */
export interface Breach {
  readonly may: string;
  readonly but: string;
  readonly mends: Mends;
}

/** The fault of a keyword of a goal; without a keyword, of the goal itself. */
export function fault(goal: Goal, keyword: string | undefined, breach: Breach): SchemaFault {
  const { may, but, mends } = breach;
  const isBackward = goal.proof.direction === 'backward';
  const [from, to] = isBackward ? ['older', 'newer'] : ['newer', 'older'];
  const path = isBackward && keyword !== undefined ? step(goal.path, keyword) : goal.path;
  const mend = mends[isBackward ? 0 : 1];
  const text = `values of the ${from} version ${may}, which the ${to} version ${but}; ${mend}`;
  return { path, text };
}

/** Faults without repeats. */
export function unique(faults: readonly SchemaFault[]): SchemaFault[] {
  const byKey = new Map(faults.map((one) => [`${one.path} ${one.text}`, one]));
  return [...byKey.values()];
}
