import type { Selection } from '@weir/kit/cleaning/selection';
import type { Search } from '../detect/search.ts';
import type { Rule } from './rules.ts';

/** What is to be done at one place of a value: of the rules for it and for what it lies in. */
export interface Duty {
  /** The rule that removes it. */
  readonly drop: Rule | undefined;
  /** The rule that makes a hash of it. */
  readonly hash: Rule | undefined;
  /** The rule that masks it: of several one that shows the least. */
  readonly mask: (Rule & { readonly kind: 'mask' }) | undefined;
  /** The rule that cuts it: of several one that leaves the least. */
  readonly truncate: (Rule & { readonly kind: 'truncate' }) | undefined;
  readonly searches: readonly Search[];
}

/** Nothing is to be done. */
export const noDuty: Duty = {
  drop: undefined,
  hash: undefined,
  mask: undefined,
  truncate: undefined,
  searches: [],
};

/** What is to be done at a place that several selections lead to. */
export function dutyAt(outer: Duty, selected: readonly Selection[], rules: readonly Rule[]): Duty {
  let duty = outer;
  for (const each of selected) {
    for (const position of each.rules) {
      const rule = rules[position];
      if (rule !== undefined) duty = withRule(duty, rule);
    }
  }
  return duty;
}

function withRule(duty: Duty, rule: Rule): Duty {
  switch (rule.kind) {
    case 'drop':
      return { ...duty, drop: duty.drop ?? rule };
    case 'hash':
      return { ...duty, hash: duty.hash ?? rule };
    case 'mask':
      return duty.mask && duty.mask.keepLast <= rule.keepLast ? duty : { ...duty, mask: rule };
    case 'truncate':
      return duty.truncate && duty.truncate.characters <= rule.characters
        ? duty
        : { ...duty, truncate: rule };
    case 'search':
      return duty.searches.includes(rule.search)
        ? duty
        : { ...duty, searches: [...duty.searches, rule.search] };
  }
}
