import { setImmediate as nextTurn } from 'node:timers/promises';
import { fromMarkdown } from 'mdast-util-from-markdown';

type MarkdownNode = ReturnType<typeof fromMarkdown>['children'][number];

/** A top-level block of a Markdown text. */
export interface Block {
  /** Where it begins, as an offset into the text. */
  readonly start: number;
  /** Where it ends. */
  readonly end: number;
  /** Set when the block is a heading. */
  readonly heading?: { readonly depth: number; readonly title: string };
}

/** The parser's time grows with the square of its input, so it is given windows of this size. */
const windowChars = 16 * 1024;

/**
 * Splits a Markdown text into its top-level blocks, in order. Yields to the event loop between
 * windows, so that a long text does not hold up other calls.
 */
export async function readBlocks(text: string): Promise<Block[]> {
  const blocks: Block[] = [];
  let start = 0;
  let width = windowChars;
  while (start < text.length) {
    const end = windowEnd(text, start + width);
    const found = parseWindow(text.slice(start, end), start);
    const last = found.at(-1);
    const isWhole = end === text.length;
    // The last block of a window may go on behind it: it is read again, in the next window.
    const next = isWhole || last === undefined ? end : last.start;
    if (next === start) {
      width *= 2;
      continue;
    }
    for (const block of found) if (isWhole || block !== last) blocks.push(block);
    start = next;
    width = windowChars;
    await nextTurn();
  }
  return blocks;
}

/** A window ends behind a line, or with the text. */
function windowEnd(text: string, wanted: number): number {
  if (wanted >= text.length) return text.length;
  const newline = text.indexOf('\n', wanted);
  return newline === -1 ? text.length : newline + 1;
}

function parseWindow(text: string, offset: number): Block[] {
  return fromMarkdown(text).children.map((node) => toBlock(node, offset));
}

function toBlock(node: MarkdownNode, offset: number): Block {
  const start = offset + (node.position?.start.offset ?? 0);
  const end = offset + (node.position?.end.offset ?? 0);
  if (node.type !== 'heading') return { start, end };
  const title = plainText(node).replace(/\s+/g, ' ').trim();
  return { start, end, heading: { depth: node.depth, title } };
}

function plainText(node: MarkdownNode | { type: string }): string {
  if ('value' in node) return node.type === 'html' ? '' : node.value;
  if ('alt' in node) return node.alt ?? '';
  return 'children' in node ? node.children.map(plainText).join('') : '';
}
