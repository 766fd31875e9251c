import { isUtf8 } from 'node:buffer';
import { mendText } from './leaf.ts';

/** Trims texts, and makes one space of every run of blanks, keeping line breaks. */
export const mendWhitespace = mendText((text) => {
  const mended = text.replaceAll(/[^\S\n\r\u2028\u2029]+/g, ' ').trim();
  return mended === text ? undefined : { kind: 'text', text: mended };
});

/** What needs no second look: most texts. */
const PLAIN = /^[ -~]*$/;
/** Rounds of undoing: each wrong decoding at least doubled what it garbled. */
const ROUNDS_MAX = 16;

/**
 * Undoes UTF-8 that was read as Windows-1252, removes byte order marks and control characters
 * other than tab and line breaks, and brings letters into NFC.
 */
export const mendEncoding = mendText((text) => {
  if (PLAIN.test(text)) return undefined;
  let mended = text;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const next = withoutControls(ungarbled(mended)).normalize('NFC');
    if (next === mended) break;
    mended = next;
  }
  return mended === text ? undefined : { kind: 'text', text: mended };
});

function withoutControls(text: string): string {
  return text.replaceAll(/[^\P{Cc}\t\n\r]|\ufeff/gu, '');
}

/** What Windows-1252 has at 0x80 to 0x9f where Latin-1 has control characters. */
const windows1252 = new Map(
  [...new TextDecoder('windows-1252').decode(Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i))]
    .map((character, i) => [character.charCodeAt(0), 0x80 + i] as const)
    .filter(([code]) => code > 0xff),
);
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text whose UTF-8 was read as Windows-1252; the text itself when it cannot be so. */
function ungarbled(text: string): string {
  if (!/[\u00c2-\u00f4]/.test(text)) return text;
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const byte = code <= 0xff ? code : windows1252.get(code);
    if (byte === undefined) return text;
    bytes[i] = byte;
  }
  // Asked first: to fail costs the decoder a hundred times as much.
  return isUtf8(bytes) ? strictUtf8.decode(bytes) : text;
}
