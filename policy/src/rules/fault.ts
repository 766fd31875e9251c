/** The steps from the root of a policy in its JSON form to a place in it. */
export type FaultPath = readonly (string | number)[];

/** Something wrong with a policy. */
export interface RuleFault {
  readonly path: FaultPath;
  /** What is wrong and how to mend it. */
  readonly text: string;
  /** Of a fault within a condition: where in its text, in UTF-16 code units. */
  readonly offset?: number;
}

/** Takes the faults that are found. */
export type Report = (path: FaultPath, text: string, offset?: number) => void;

/** How many entries lists may hold. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Reports a list that is too short or too long. */
export function checkCount(
  list: readonly unknown[],
  { min, max }: Bounds,
  report: (text: string) => void,
): void {
  if (list.length > max) report(`has ${list.length} entries; at most ${max}`);
  if (list.length < min) report('is empty; name at least one');
}

/** A text of the author's in quotes, cut, since it goes into messages. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text).toWellFormed();
}
