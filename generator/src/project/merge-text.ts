import { diff3Merge } from 'node-diff3';

/** A text in three states. */
export interface ThreeTexts {
  /** As it was generated the last time. */
  readonly base: string;
  /** As it is now. */
  readonly current: string;
  /** As it is generated this time. */
  readonly next: string;
}

/** What came of a merge. */
export interface MergedText {
  /** The text; where both sides changed the same lines it holds both, between markers. */
  readonly text: string;
  /** The lines of the current text, counted from 1, at which both sides changed something. */
  readonly conflictLines: readonly number[];
}

/** The longest text that is merged, in lines: above, what both sides changed is a conflict. */
export const mergeMaxLines = 20_000;

/** Merges what a user and the generator changed, line by line. Pure. */
export function mergeText({ base, current, next }: ThreeTexts): MergedText {
  const lines = [current, base, next].map((text) => text.split('\n'));
  const [mine = [], before = [], theirs = []] = lines;
  if (lines.some(({ length }) => length > mergeMaxLines)) {
    return { text: markers(mine, theirs).join('\n'), conflictLines: [1] };
  }
  const regions = diff3Merge(mine, before, theirs, { excludeFalseConflicts: true });
  return {
    text: regions
      .flatMap(({ ok = [], conflict }) => (conflict ? markers(conflict.a, conflict.b) : ok))
      .join('\n'),
    conflictLines: regions.flatMap(({ conflict }) => (conflict ? [conflict.aIndex + 1] : [])),
  };
}

function markers(mine: readonly string[], theirs: readonly string[]): string[] {
  return ['<<<<<<< yours', ...mine, '=======', ...theirs, '>>>>>>> generated'];
}
