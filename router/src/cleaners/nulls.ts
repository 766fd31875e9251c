import { type Mend, mendText } from './leaf.ts';

const defaultWords = ['', 'null', 'nil', 'none', 'n/a', 'na', 'nan', 'undefined', '-', '--'];
/** A longer text is no such word, whatever space stands around. */
const TEXT_MAX_CHARS = 256;

/** Makes null of words that stand for nothing; no words given: the usual ones. */
export function compileNulls(words: readonly string[]): Mend {
  const known = new Set((words.length > 0 ? words : defaultWords).map(plain));
  return mendText((text) =>
    text.length <= TEXT_MAX_CHARS && known.has(plain(text)) ? { kind: 'null' } : undefined,
  );
}

function plain(word: string): string {
  return word.trim().toLowerCase();
}
