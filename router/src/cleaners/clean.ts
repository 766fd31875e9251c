import { compileSelection, type Selection } from '@weir/kit/cleaning/selection';
import type { Cleaner } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { compileDates } from './dates.ts';
import { type Leaf, leafJson, type Mend } from './leaf.ts';
import { compileNulls } from './nulls.ts';
import { parsedText, type ScanFault, type ScanLimits, scan } from './scan.ts';
import { mendEncoding, mendWhitespace } from './texts.ts';
import { compileUnits } from './units.ts';

/** What cleaning made of a JSON text. */
export interface Cleaned {
  /** The text as it came when nothing was mended, or it is no JSON. */
  readonly text: string;
  /** The cleaners that changed it, in the order of the manifest. */
  readonly cleaned: readonly string[];
  /** Why it was left as it is. */
  readonly fault?: ScanFault;
}

/** Cleans a JSON text. */
export type Clean = (text: string) => Cleaned;

/** What cleaning one value may cost. */
export const cleaningLimits: ScanLimits = { depth: 200, steps: 1_000_000 };

const BYTE_ORDER_MARK = '\ufeff';

/** Compiles the cleaners of a manifest; a cleaner that this router does not know does nothing. */
export function compileCleaners(
  cleaners: readonly Cleaner[],
  limits: ScanLimits = cleaningLimits,
): Clean {
  const mends = cleaners.map(compileMend);
  const selection = compileSelection(cleaners.map(({ fields }) => fields));
  const ofTexts = cleaners.flatMap(({ fields }, i) => (fields.length === 0 ? [i] : []));
  const ofMarks = cleaners.findIndex(({ kind }) => kind.case === 'encoding');

  return (given) => {
    const hasMark = ofMarks >= 0 && given.startsWith(BYTE_ORDER_MARK);
    const text = hasMark ? given.slice(1) : given;
    const edits: { start: number; end: number; source: string }[] = [];
    const changers = new Set<number>(hasMark ? [ofMarks] : []);
    const fault = scan(text, selection, limits, ({ start, end, isText, selected }) => {
      const positions = positionsOf(isText ? ofTexts : [], selected);
      if (positions.length === 0) return;
      const before = leafOf(text.slice(start, end), isText);
      let leaf = before;
      for (const position of positions) {
        const mended = leaf && mends[position]?.(leaf);
        if (mended && mended !== leaf) changers.add(position);
        leaf = mended;
      }
      if (leaf && leaf !== before) edits.push({ start, end, source: leafJson(leaf) });
    });
    if (fault) return { text: given, cleaned: [], fault };
    if (edits.length === 0 && !hasMark) return { text: given, cleaned: [] };
    const mended = splice(text, edits);
    if (!isJson(mended)) return { text: given, cleaned: [], fault: 'malformed' };
    const inOrder = [...changers].sort((a, b) => a - b).map((at) => cleaners[at]?.kind.case ?? '');
    return { text: mended, cleaned: [...new Set(inOrder)] };
  };
}

/** Which cleaners mend a place, in their order: those of all texts, and those of its fields. */
function positionsOf(
  ofTexts: readonly number[],
  selected: readonly Selection[],
): readonly number[] {
  if (selected.every((each) => each.rules.length === 0)) return ofTexts;
  const positions = new Set([...ofTexts, ...selected.flatMap((each) => each.rules)]);
  return [...positions].sort((a, b) => a - b);
}

function compileMend({ kind }: Cleaner): Mend {
  switch (kind.case) {
    case 'whitespace':
      return mendWhitespace;
    case 'encoding':
      return mendEncoding;
    case 'dates':
      return compileDates(kind.value.formats, kind.value.timeZone);
    case 'nulls':
      return compileNulls(kind.value.words);
    case 'units':
      return compileUnits(kind.value.unit, kind.value.decimalComma);
    case undefined:
      return (leaf) => leaf;
  }
}

/** Undefined for true, false, null, and what is no JSON. */
function leafOf(source: string, isText: boolean): Leaf | undefined {
  if (!isText) return /^[-\d]/.test(source) ? { kind: 'number', source } : undefined;
  const text = parsedText(source);
  return text === undefined ? undefined : { kind: 'text', text };
}

function splice(
  text: string,
  edits: readonly { start: number; end: number; source: string }[],
): string {
  const parts: string[] = [];
  let at = 0;
  for (const { start, end, source } of edits) {
    parts.push(text.slice(at, start), source);
    at = end;
  }
  return [...parts, text.slice(at)].join('');
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
