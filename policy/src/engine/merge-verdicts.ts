import { createBoundedMap } from '../bounded-map.ts';
import type { Obligations, Verdict } from '../model.ts';
import { canonicalObligation, createObligationSets } from './obligation-sets.ts';
import { tooManyObligations } from './too-much.ts';

/** How many joined sets are kept. */
const pairsKept = 10_000;

const sets = createObligationSets();
const pairs = createBoundedMap<string, Obligations>(pairsKept);

/**
 * The verdict where two must agree, as of what one tenant shares with another: denied when one
 * denies, conditional when one is, and otherwise allowed under the obligations of both.
 */
export function mergeVerdicts(a: Verdict, b: Verdict): Verdict {
  if (a.effect === 'deny') return a;
  if (b.effect === 'deny') return b;
  if (a.effect === 'conditional') return a;
  if (b.effect === 'conditional') return b;
  const obligations = joined(a.obligations, b.obligations);
  if (!obligations) return tooManyObligations;
  const rules = [...new Set([...a.rules, ...b.rules])].sort();
  return { effect: 'allow', rules, obligations, failed: undefined };
}

function joined(a: Obligations, b: Obligations): Obligations | undefined {
  if (b.id === '' || a.id === b.id) return a;
  if (a.id === '') return b;
  const name = a.id < b.id ? `${a.id} ${b.id}` : `${b.id} ${a.id}`;
  const held = pairs.get(name);
  if (held) return held;
  const made = sets.of([...a.list, ...b.list].map(canonicalObligation));
  if (made) pairs.set(name, made);
  return made;
}
