import { type Features, HAS_ESCAPES, IS_FOREIGN, isUnseen } from './features.ts';

/** A text as it is searched, and where its characters stand in the source. */
export interface View {
  readonly text: string;
  /** Undefined: as in the source. */
  readonly places: Places | undefined;
}

interface Places {
  /** Where each character starts and ends in the source. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

const ESCAPE_ROUNDS = 3;
const escapes =
  /%([\da-f]{2})|&#(\d{1,7});?|&#x([\da-f]{1,6});?|&(commat|period|plus|lpar|rpar|lowbar|hyphen|dash|colon|equals|sol|nbsp|num|amp|quot|apos|lt|gt);|\\u([\da-f]{4})|\\u\{([\da-f]{1,6})\}|\\x([\da-f]{2})/gi;
const entities: Readonly<Record<string, string>> = {
  commat: '@',
  period: '.',
  plus: '+',
  lpar: '(',
  rpar: ')',
  lowbar: '_',
  hyphen: '-',
  dash: '-',
  colon: ':',
  equals: '=',
  sol: '/',
  nbsp: ' ',
  num: '#',
  amp: '&',
  quot: '"',
  apos: "'",
  lt: '<',
  gt: '>',
};

/**
 * The ways to read a text: as it stands, with its escapes undone (`%40`, `&#64;`, `\u0040`, also
 * those within each other), and with characters that look or count the same made one (full-width
 * forms, digits of other scripts, dashes and blanks of all kinds; what is invisible left out).
 */
export function viewsOf(text: string, features: Features): readonly View[] {
  const plain: View = { text, places: undefined };
  const views: View[] = [plain];
  if ((features & IS_FOREIGN) !== 0) addFolded(views, plain);
  if ((features & HAS_ESCAPES) === 0) return views;
  let view = plain;
  for (let round = 0; round < ESCAPE_ROUNDS; round++) {
    const undone = unescaped(view);
    if (undone === undefined) break;
    view = undone;
    views.push(view);
    addFolded(views, view);
  }
  return views;
}

/** Where a stretch of a view stands in the source. */
export function sourceOf(view: View, start: number, end: number): { start: number; end: number } {
  if (view.places === undefined) return { start, end };
  return { start: view.places.starts[start] ?? 0, end: view.places.ends[end - 1] ?? 0 };
}

function addFolded(views: View[], view: View): void {
  const folded = foldedOf(view);
  if (folded !== undefined) views.push(folded);
}

/** Undefined: there is nothing to undo. */
function unescaped(view: View): View | undefined {
  const builder = createBuilder(view);
  let at = 0;
  for (const match of view.text.matchAll(escapes)) {
    const meant = meaningOf(match);
    if (meant === undefined) continue;
    for (; at < match.index; at++) builder.add(view.text.charCodeAt(at), at, at + 1);
    const end = match.index + match[0].length;
    for (let unit = 0; unit < meant.length; unit++) {
      builder.add(meant.charCodeAt(unit), match.index, end);
    }
    at = end;
  }
  if (at === 0) return undefined;
  for (; at < view.text.length; at++) builder.add(view.text.charCodeAt(at), at, at + 1);
  return builder.view();
}

/** What an escape stands for; undefined: nothing that could be found. */
function meaningOf(match: RegExpExecArray): string | undefined {
  const [, percent, decimal, hex, entity, unicode, braced, short] = match;
  if (entity !== undefined) return entities[entity.toLowerCase()];
  const code =
    decimal === undefined
      ? Number.parseInt(percent ?? hex ?? unicode ?? braced ?? short ?? '', 16)
      : Number(decimal);
  // One byte of several says nothing alone.
  if (code > 0x10ffff || (percent !== undefined && code > 127)) return undefined;
  return String.fromCodePoint(code);
}

/** Undefined: it stays as it is. */
function foldedOf(view: View): View | undefined {
  const { text } = view;
  let first = 0;
  while (first < text.length && fold(text, first) === text.charCodeAt(first)) first++;
  if (first === text.length) return undefined;
  const builder = createBuilder(view);
  for (let at = 0; at < text.length; at++) {
    const width = isHigh(text.charCodeAt(at)) && at + 1 < text.length ? 2 : 1;
    const code = fold(text, at);
    if (code >= 0) builder.add(code, at, width === 2 && code < 128 ? at + 2 : at + 1);
    if (width === 2 && code < 128) at++;
  }
  return builder.view();
}

const GONE = -1;
/** What a code folds to, as far as that is known: it stays, is gone, or is one of ASCII and these. */
const STAYS = 1;
const IS_GONE = 2;
const IS_ASCII = 3;
const PLANES_END = 0x20000;
const known = new Uint8Array(PLANES_END);
/** What is not seen, or only upon another character. */
const invisible = /\p{Default_Ignorable_Code_Point}|\p{Cf}|\p{M}/u;
const blank = /\p{Zs}/u;
const dash = /[\p{Pd}\u2212\u02d7\u2043]/u;
const digit = /\p{Nd}/u;

/** The code unit that stands for the one here; GONE: none. */
function fold(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (unit < 128) return isUnseen(unit) ? GONE : unit;
  // Most texts beyond ASCII are of these, which have no second form.
  if ((unit >= 0x3041 && unit < 0xa000) || (unit >= 0xac00 && unit < 0xd7a4)) return unit;
  const code = isHigh(unit) ? (text.codePointAt(at) ?? unit) : unit;
  if (code >= PLANES_END) return code >= TAGS_START && code < TAGS_END ? GONE : unit;
  let is = known[code] as number;
  if (is === 0) {
    is = foldOf(code);
    known[code] = is;
  }
  if (is === STAYS) return unit;
  return is === IS_GONE ? GONE : is - IS_ASCII;
}

/** Tags and selectors of variants: the only ones beyond that are not seen. */
const TAGS_START = 0xe0000;
const TAGS_END = 0xe1000;

function foldOf(code: number): number {
  const character = String.fromCodePoint(code);
  if (invisible.test(character)) return IS_GONE;
  if (blank.test(character)) return IS_ASCII + 32;
  if (dash.test(character)) return IS_ASCII + 45;
  if (code === 0x3002 || code === 0xff61) return IS_ASCII + 46;
  const same = character.normalize('NFKC');
  if (same.length === 1 && same.charCodeAt(0) < 128) return IS_ASCII + same.charCodeAt(0);
  return digit.test(character) ? IS_ASCII + 48 + digitValue(code) : STAYS;
}

/** Digits of a script stand in a row from its zero. */
function digitValue(code: number): number {
  let value = 0;
  while (value < 9 && digit.test(String.fromCodePoint(code - value - 1))) value++;
  return value;
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

function createBuilder({ text, places }: View) {
  const units = new Uint16Array(text.length);
  const starts = new Int32Array(text.length);
  const ends = new Int32Array(text.length);
  let length = 0;
  return {
    /** Adds a code unit that stands from `start` to before `end` in the view it is made of. */
    add(unit: number, start: number, end: number): void {
      units[length] = unit;
      starts[length] = places?.starts[start] ?? start;
      ends[length] = places?.ends[end - 1] ?? end;
      length++;
    },
    view: (): View => ({
      text: Buffer.from(units.buffer, 0, length * 2).toString('utf16le'),
      places: { starts, ends },
    }),
  };
}
