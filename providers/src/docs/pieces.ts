/** A stretch of a text, by offsets. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Sections longer than this are cut at the bounds of their paragraphs. About 1,500 tokens. */
export const maxPieceChars = 6_000;

/** Joins blocks into pieces of at most `maxPieceChars`; a block longer than that is cut at lines. */
export function toPieces(text: string, blocks: readonly Span[]): Span[] {
  const pieces: Span[] = [];
  for (const block of blocks.flatMap((whole) => cutBlock(text, whole))) {
    const last = pieces.at(-1);
    if (last && block.end - last.start <= maxPieceChars) {
      pieces[pieces.length - 1] = { start: last.start, end: block.end };
    } else pieces.push(block);
  }
  return pieces;
}

function cutBlock(text: string, block: Span): Span[] {
  const parts: Span[] = [];
  let start = block.start;
  while (block.end - start > maxPieceChars) {
    const end = cutPoint(text, start, start + maxPieceChars);
    parts.push({ start, end });
    start = end;
  }
  parts.push({ start, end: block.end });
  return parts;
}

/** Behind the last line that fits, else the last word, else anywhere but inside a character. */
function cutPoint(text: string, start: number, limit: number): number {
  const newline = text.lastIndexOf('\n', limit - 1);
  if (newline > start) return newline + 1;
  const space = text.lastIndexOf(' ', limit - 1);
  if (space > start) return space + 1;
  const isInsidePair = (text.charCodeAt(limit - 1) & 0xfc00) === 0xd800;
  return isInsidePair ? limit - 1 : limit;
}

/** The paragraphs of a plain text: what stands between blank lines. */
export function paragraphsOf(text: string): Span[] {
  const paragraphs: { start: number; end: number }[] = [];
  let isOpen = false;
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    const isBlank = text.slice(start, end).trim() === '';
    const last = paragraphs.at(-1);
    if (!isBlank && isOpen && last) last.end = end;
    else if (!isBlank) paragraphs.push({ start, end });
    isOpen = !isBlank;
    start = end + 1;
  }
  return paragraphs;
}

/** Tells the line of an offset, from 1. Offsets must be asked for in rising order. */
export function createLineCounter(text: string): (offset: number) => number {
  let line = 1;
  let at = 0;
  return (offset) => {
    for (let next = text.indexOf('\n', at); next !== -1 && next < offset; ) {
      line += 1;
      at = next + 1;
      next = text.indexOf('\n', at);
    }
    return line;
  };
}
