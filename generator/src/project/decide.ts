import { mergeText } from './merge-text.ts';

/** What became of a file; see `FileReport`. */
export type FileState =
  | 'written'
  | 'unchanged'
  | 'updated'
  | 'merged'
  | 'kept'
  | 'conflict'
  | 'removed';

/** One file in up to three states; undefined: it is not there. */
export interface FileVersions {
  /** As it was generated the last time. */
  readonly base: string | undefined;
  /** As it is now. */
  readonly current: string | undefined;
  /** As it is generated this time. */
  readonly next: string | undefined;
}

/** What to do with a file. */
export interface Decision {
  readonly state: FileState;
  /** What it is to hold; undefined: it is not to be there. */
  readonly text: string | undefined;
  /** Lines of the current text at which both sides changed something. Empty unless `conflict`. */
  readonly conflictLines: readonly number[];
}

/** Decides on one file: what the user changed stays, what the generator changed comes in. Pure. */
export function decide(versions: FileVersions): Decision {
  const { base, current, next } = versions;
  const take = (state: FileState, text: string | undefined): Decision => {
    return { state, text, conflictLines: [] };
  };
  if (current === next) return take('unchanged', current);
  if (current === undefined) {
    // What the user has removed stays away.
    return base === undefined ? take('written', next) : take('kept', undefined);
  }
  if (next === undefined) {
    return current === base ? take('removed', undefined) : take('kept', current);
  }
  if (current === base) return take('updated', next);
  if (next === base) return take('kept', current);
  const { text, conflictLines } = mergeText({ base: base ?? '', current, next });
  const isMerged = base !== undefined && conflictLines.length === 0;
  if (isMerged) return take('merged', text);
  return { state: 'conflict', text, conflictLines: conflictLines.length > 0 ? conflictLines : [1] };
}
