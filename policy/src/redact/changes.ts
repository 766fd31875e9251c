import { CHANGES_MAX } from './limits.ts';
import type { Rule } from './rules.ts';
import type { Account } from './texts.ts';

/** Says what was done to a value, for records; at most so many, sorted. */
export function changesOf({ applied, found }: Account): readonly string[] {
  if (applied.size === 0 && found.size === 0) return [];
  const changes = [...new Set([...applied].map(changeOf))];
  for (const [kind, count] of found) changes.push(`redact [${kind}] ${count}`);
  changes.sort();
  if (changes.length <= CHANGES_MAX) return changes;
  const shown = changes.slice(0, CHANGES_MAX - 1);
  return [...shown, `~ and ${changes.length - shown.length} more`];
}

function changeOf({ kind, pointer }: Rule): string {
  return pointer === '' ? `${kind} the whole` : `${kind} ${pointer}`;
}
