// What is remembered is bounded for the whole process, so that no tenant can make it grow, and in
// units of about 200 bytes. When they are spent everything is forgotten together, which costs less
// than to keep an order among what is there.

/** How many units the decisions that are remembered may take: by what they are remembered under. */
export const decisionUnits = 500_000;
/** How many units the cells that are kept may take, with their subjects and what decides in them. */
export const cellUnits = 500_000;
/** What a cell takes. */
export const keptCellUnits = 3;
/** What a subject takes for which cells are kept. */
export const keptSubjectUnits = 8;
/** What decides in cells takes, with its enforcer; beside it one for each of its rules. */
export const keptKernelUnits = 40;
/** What a selection takes: rules picked out for some resources, with its enforcer. */
export const selectionUnits = 40;
/** What a level of a memo takes. */
export const mapUnits = 2;
/** What a verdict takes that is kept to be given again. */
export const verdictUnits = 4;

/** What a text takes under which something is kept. */
export function textUnits(text: string): number {
  return 1 + Math.floor(text.length / 100);
}

/** Counts what is kept; what was kept in another epoch is forgotten by whoever kept it. */
export interface Budget {
  readonly units: number;
  epoch: number;
  left: number;
}

/** Makes a budget. */
export function createBudget(units: number): Budget {
  return { units, epoch: 0, left: units };
}

/** Counts something more that is kept. */
export function spend(budget: Budget, units: number): void {
  budget.left -= units;
  if (budget.left > 0) return;
  budget.left = budget.units;
  budget.epoch += 1;
}
