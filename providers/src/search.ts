/** What is kept of a text in order to find it. */
export interface Terms {
  /** How often each term occurs; those of the title count more. */
  readonly counts: ReadonlyMap<string, number>;
  /** How many there are in all. */
  readonly total: number;
}

/** A word in the title counts as much as this many in the text. */
const titleWeight = 4;
/** Terms of a query beyond this are not looked at. */
const maxQueryTerms = 32;
/** The usual constants of BM25: how soon more occurrences stop to count, and how length does. */
const saturation = 1.2;
const lengthWeight = 0.75;

/** Reads the terms of a text with a title. */
export function readTerms(title: string, text: string): Terms {
  const counts = new Map<string, number>();
  let total = 0;
  const add = (terms: Iterable<string>, weight: number) => {
    for (const term of terms) {
      counts.set(term, (counts.get(term) ?? 0) + weight);
      total += weight;
    }
  };
  add(termsOf(title), titleWeight);
  add(termsOf(text), 1);
  return { counts, total };
}

/**
 * Ranks texts by BM25 (Robertson and Zaragoza, 2009), best first; those without any of the words
 * are left out. The score is the share of the best that these words could reach, from 0 to 1.
 */
export function rank<T extends { readonly key: string; readonly terms: Terms }>(
  words: string,
  candidates: readonly T[],
): { readonly item: T; readonly score: number }[] {
  const terms = [...new Set(termsOf(words))].slice(0, maxQueryTerms);
  const mean = candidates.reduce((sum, { terms }) => sum + terms.total, 0) / candidates.length || 1;
  const weights = terms.map((term) => {
    const holders = candidates.filter(({ terms }) => terms.counts.has(term)).length;
    const weight = Math.log(1 + (candidates.length - holders + 0.5) / (holders + 0.5));
    return { term, weight };
  });
  const best = weights.reduce((sum, { weight }) => sum + weight * (saturation + 1), 0);
  const scoreOf = ({ counts, total }: Terms) => {
    const norm = saturation * (1 - lengthWeight + (lengthWeight * total) / mean);
    return weights.reduce((sum, { term, weight }) => {
      const count = counts.get(term) ?? 0;
      return sum + (weight * count * (saturation + 1)) / (count + norm);
    }, 0);
  };
  return candidates
    .map((item) => ({ item, score: scoreOf(item.terms) / (best || 1) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || compareKeys(a.item.key, b.item.key));
}

/** The order of keys: by code unit, the same everywhere. */
export function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Scripts that write no spaces are searched by character. */
const wordPattern =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]|(?:(?![\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}])[\p{L}\p{M}\p{N}])+/gu;

function* termsOf(text: string): Generator<string> {
  // camelCase is searched by its words, as snake_case is.
  const words = text.normalize('NFKC').replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2');
  for (const [word] of words.toLowerCase().matchAll(wordPattern)) yield stem(word);
}

/** Enough of a stemmer to find "registered" by "register", and "caches" by "cache". */
function stem(word: string): string {
  if (word.length < 4) return word;
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  return word.replace(/(?:ing|ed|es|s|e)$/, '');
}
