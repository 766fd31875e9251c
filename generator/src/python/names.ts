import { wordsOf } from '../suggest/words.ts';

/** Words that are no names in Python, also those that are so only in places. */
const keywords = new Set(
  'False None True and as assert async await break case class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return try type while with yield'.split(
    ' ',
  ),
);

/** Whether a text can be the name of a variable, and of a member of a class. */
export function isIdentifier(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(text) && !keywords.has(text) && !text.startsWith('__');
}

/**
 * The package of a provider's project, from the provider's name. By its ending it hides none of the
 * packages that Python has itself, as one that is called `email` would.
 */
export function packageName(provider: string): string {
  const name = provider.replace(/[^a-z0-9]+/g, '_');
  return name.endsWith('_provider') ? name : `${name}_provider`;
}

/** A name in small letters, as modules and functions have it; never empty, and no keyword. */
export function snakeName(text: string): string {
  const name = wordsOf(plainOf(text)).join('_') || 'other';
  const safe = /^[0-9]/.test(name) ? `n_${name}` : name;
  return keywords.has(safe) ? `${safe}_` : safe;
}

/** A name in capitals at the beginning of words, as classes have it; never empty. */
export function className(text: string): string {
  const words = plainOf(text).split(/[^A-Za-z0-9]+/);
  const name = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  if (name === '') return 'Other';
  return /^[0-9]/.test(name) || keywords.has(name) ? `N${name}` : name;
}

/** Without accents, and with blanks in the place of what names cannot have. */
function plainOf(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9]+/g, ' ');
}

/** Gives each a name that none has so far, by a number behind it where that is needed. */
export function createTaken(reserved: Iterable<string> = []): (wanted: string) => string {
  const taken = new Set(reserved);
  return (wanted) => {
    let name = wanted;
    for (let number = 2; taken.has(name); number++) name = `${wanted}_${number}`;
    taken.add(name);
    return name;
  };
}
