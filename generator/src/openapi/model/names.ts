import { wordsOf } from '../../suggest/words.ts';

const typeMaxChars = 63;
const operationMaxChars = 128;

/** A name of a type made of words: `pet owner` becomes `PetOwner`. Empty when nothing is left. */
export function typeNameOf(text: string): string {
  const words = wordsOf(text.normalize('NFKD').replace(/[^\x20-\x7e]/g, ''));
  const joined = words.map((word) => word[0]?.toUpperCase() + word.slice(1)).join('');
  return joined
    .replace(/^[^A-Za-z]+/, '')
    .replace(/^./, (first) => first.toUpperCase())
    .slice(0, typeMaxChars);
}

/** The name of an operation: that of the document where it fits. */
export function operationNameOf(text: string): string {
  return text
    .replace(/[^A-Za-z0-9_.-]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, operationMaxChars);
}

/** A name of a provider, or of a secret. */
export function providerNameOf(text: string): string {
  const plain = text
    .normalize('NFKD')
    .replace(/[^\x20-\x7e]/g, '')
    .replace(/OAuth/g, 'Oauth');
  const joined = wordsOf(plain)
    .join('-')
    .replace(/^[^a-z]+/, '');
  const name = joined.slice(0, typeMaxChars).replace(/-+$/, '');
  return name === '' ? 'api' : name;
}

/** One of a word: `companies` is `company`, `boxes` `box`, `pets` `pet`, `status` `status`. */
export function singular(word: string): string {
  if (/(?:ss|us|is|news|series|species)$/i.test(word)) return word;
  if (/ies$/i.test(word) && word.length > 4) return `${word.slice(0, -3)}y`;
  if (/(?:[sxz]|ch|sh)es$/i.test(word)) return word.slice(0, -2);
  return /s$/i.test(word) && word.length > 2 ? word.slice(0, -1) : word;
}

/** A name whose last word is one of its kind: `pet owners` becomes `pet owner`. */
export function singularLast(name: string): string {
  const words = wordsOf(name);
  return [...words.slice(0, -1), singular(words.at(-1) ?? '')].join(' ');
}

/** Gives each thing a name that no other has: what is taken gets a number, in the order of asking. */
export function createNames(reserved: readonly string[] = []): {
  take(wanted: string, maxChars: number): string;
} {
  const taken = new Set(reserved.map((name) => name.toLowerCase()));
  return {
    take(wanted, maxChars) {
      for (let number = 1; ; number += 1) {
        const suffix = number === 1 ? '' : String(number);
        const name = wanted.slice(0, maxChars - suffix.length) + suffix;
        if (taken.has(name.toLowerCase())) continue;
        taken.add(name.toLowerCase());
        return name;
      }
    },
  };
}
