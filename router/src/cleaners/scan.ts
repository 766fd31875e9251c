import { descend, type Selection } from '@weir/kit/cleaning/selection';

/** A text or number within JSON text, and which fields of the selection it is. */
export interface Found {
  readonly start: number;
  readonly end: number;
  readonly isText: boolean;
  readonly selected: readonly Selection[];
}

/** What a scan may cost; beyond it the document is left as it is. */
export interface ScanLimits {
  /** Objects and lists within each other. */
  readonly depth: number;
  /** Members, elements and selections looked at. */
  readonly steps: number;
}

/** Why a document was not scanned to its end. */
export type ScanFault = 'malformed' | 'deep' | 'large';

interface Frame {
  readonly isList: boolean;
  readonly selected: readonly Selection[];
  index: number;
  expectsName: boolean;
}

/** What stands between names, values and brackets. */
const BETWEEN = ' \t\n\r:,';
const SCALAR = /[^\s,\]}]+/y;

/**
 * Finds the texts and numbers of a JSON text where they stand, so that they can be replaced and
 * all else stays byte for byte. What is told of a text that is no JSON means nothing.
 */
export function scan(
  text: string,
  root: Selection,
  limits: ScanLimits,
  onFound: (found: Found) => void,
): ScanFault | undefined {
  const frames: Frame[] = [];
  let selected: readonly Selection[] = [root];
  let steps = 0;
  let at = 0;
  while (at < text.length) {
    const frame = frames.at(-1);
    const character = text[at] as string;
    if (BETWEEN.includes(character)) {
      if (character === ',' && frame) {
        frame.index++;
        frame.expectsName = !frame.isList;
      }
      at++;
      continue;
    }
    if (character === '}' || character === ']') {
      if (!frames.pop()) return 'malformed';
      at++;
      continue;
    }
    if (frame?.expectsName) {
      const end = textEnd(text, at);
      const name = end === undefined ? undefined : parsedText(text.slice(at, end));
      if (end === undefined || name === undefined) return 'malformed';
      frame.expectsName = false;
      selected = descend(frame.selected, name);
      at = end;
      continue;
    }
    if (frame?.isList) selected = descend(frame.selected, String(frame.index));
    steps += 1 + (frame?.selected.length ?? 0);
    if (steps > limits.steps) return 'large';
    if (character === '{' || character === '[') {
      if (frames.length >= limits.depth) return 'deep';
      const isList = character === '[';
      frames.push({ isList, selected, index: 0, expectsName: !isList });
      at++;
      continue;
    }
    const isText = character === '"';
    const end = isText ? textEnd(text, at) : scalarEnd(text, at);
    if (end === undefined) return 'malformed';
    onFound({ start: at, end, isText, selected });
    at = end;
  }
  return frames.length === 0 ? undefined : 'malformed';
}

/** The text that a JSON string holds; undefined when it is none. */
export function parsedText(source: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(source);
    return typeof parsed === 'string' ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Where a string ends: behind the next quote that is not escaped. */
function textEnd(text: string, start: number): number | undefined {
  if (text[start] !== '"') return undefined;
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
  }
  return undefined;
}

function scalarEnd(text: string, start: number): number | undefined {
  SCALAR.lastIndex = start;
  return SCALAR.test(text) ? SCALAR.lastIndex : undefined;
}
