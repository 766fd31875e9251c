/**
 * What becomes of a value of PostgreSQL in JSON. Values come from the server as text.
 *
 * | codec | text of the server | JSON |
 * |---|---|---|
 * | `text` | anything | the same text |
 * | `trimmed` | `ALFKI  ` | the text without the blanks that `character(n)` is filled with |
 * | `boolean` | `t` | `true` |
 * | `number` | `12.50` | `12.5`; `NaN` and infinities stay texts |
 * | `timestamp` | `2024-01-31 18:00:00` | `2024-01-31T18:00:00` |
 * | `timestamptz` | `2024-01-31 18:00:00+00` | `2024-01-31T18:00:00Z` |
 * | `bytes` | `\x6869` | `aGk=`, in base64 |
 * | `json` | JSON | the same |
 * | `{ array }` | `{1,2}` | `[1, 2]` |
 * | `{ record }` | `(Main St,5)` | `{ "street": "Main St", "number": 5 }` |
 * | `{ range }` | `[1,10)` | `{ "lower": 1, "upper": 10, "bounds": "[)" }` |
 * | `{ multirange }` | `{[1,3),[5,8)}` | a list of ranges |
 */
export type Codec =
  | 'text'
  | 'trimmed'
  | 'boolean'
  | 'number'
  | 'timestamp'
  | 'timestamptz'
  | 'bytes'
  | 'json'
  | { readonly array: Codec; readonly delimiter?: string }
  | { readonly record: Readonly<Record<string, Codec>> }
  | { readonly range: Codec }
  | { readonly multirange: Codec };

/** A range as JSON. No bound: null. Of an empty one both are, and `bounds` says so. */
export interface Range {
  readonly lower: unknown;
  readonly upper: unknown;
  readonly bounds: '[)' | '[]' | '()' | '(]' | 'empty';
}

/** How deep arrays, records and ranges may lie within each other. */
const depthMax = 64;

/**
 * Makes JSON of a value as the server writes it.
 *
 * @throws {SyntaxError} when the text is not of the codec, as after a change of the column's type.
 */
export function decode(codec: Codec, text: string | null): unknown {
  return text === null ? null : decodeText(codec, text, 0);
}

function decodeText(codec: Codec, text: string, depth: number): unknown {
  if (depth > depthMax) throw new SyntaxError('a value lies deeper than 64 levels');
  if (typeof codec === 'string') return decodePlain(codec, text);
  const within = (inner: Codec, part: string | null) =>
    part === null ? null : decodeText(inner, part, depth + 1);
  if ('array' in codec) {
    return decodeArray(text, codec.delimiter ?? ',', (part) => within(codec.array, part));
  }
  if ('record' in codec) {
    const names = Object.entries(codec.record);
    const parts = readParts(text, '(', ')');
    if (parts.length !== names.length) throw new SyntaxError('a record has other fields');
    return Object.fromEntries(
      names.map(([name, inner], at) => [name, within(inner, parts[at] ?? null)]),
    );
  }
  if ('range' in codec) return decodeRange(text, (part) => within(codec.range, part));
  return rangesOf(text).map((one) => decodeText({ range: codec.multirange }, one, depth + 1));
}

function decodePlain(codec: Extract<Codec, string>, text: string): unknown {
  switch (codec) {
    case 'text':
      return text;
    case 'trimmed':
      return text.replace(/ +$/, '');
    case 'boolean':
      return text === 't';
    case 'number':
      return Number.isFinite(Number(text)) ? Number(text) : text;
    case 'timestamp':
      return text.replace(' ', 'T');
    case 'timestamptz':
      return text
        .replace(' ', 'T')
        .replace(/\+00$/, 'Z')
        .replace(/\+00 BC$/, 'Z BC');
    case 'bytes':
      return Buffer.from(text.slice(2), 'hex').toString('base64');
    case 'json':
      return parseJson(text);
    default:
      return codec satisfies never;
  }
}

/** A run of so many digits may be a number that is not exact in JavaScript. */
const longNumber = /\d{16}/;

/** Of Node 22 and later; TypeScript does not know it yet. */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown };

/** Numbers that JavaScript would round keep their digits. */
function parseJson(text: string): unknown {
  if (!longNumber.test(text)) return JSON.parse(text);
  const keep = (_name: string, value: unknown, { source = '' }: { source?: string } = {}) =>
    typeof value === 'number' && String(value) !== source ? rawJson(source) : value;
  return JSON.parse(text, keep);
}

type Decode = (part: string | null) => unknown;

/** Arrays have dimensions, and may say where they begin: `[0:1]={a,b}`. */
function decodeArray(text: string, delimiter: string, decodePart: Decode): unknown[] {
  const from = text.startsWith('[') ? text.indexOf('=') + 1 : 0;
  let at = from;
  const readArray = (depth: number): unknown[] => {
    if (depth > depthMax || text[at] !== '{') throw new SyntaxError('a value is no array');
    at++;
    const elements: unknown[] = [];
    while (text[at] !== '}') {
      if (at >= text.length) throw new SyntaxError('an array has no end');
      elements.push(text[at] === '{' ? readArray(depth + 1) : decodePart(readElement()));
      if (text[at] === delimiter) at++;
    }
    at++;
    return elements;
  };
  const readElement = (): string | null => {
    const read = readPart(text, at, `${delimiter}}`);
    at = read.end;
    return !read.isQuoted && read.value.toUpperCase() === 'NULL' ? null : read.value;
  };
  return readArray(0);
}

/** The parts of a record; what is absent is null, while `""` is an empty text. */
function readParts(text: string, open: string, close: string): (string | null)[] {
  if (!text.startsWith(open) || !text.endsWith(close)) throw new SyntaxError('no record');
  const parts: (string | null)[] = [];
  for (let at = 1; at < text.length; ) {
    const { value, isQuoted, end } = readPart(text, at, `,${close}`);
    parts.push(value === '' && !isQuoted ? null : value);
    at = end + 1;
  }
  return parts;
}

function decodeRange(text: string, decodePart: Decode): Range {
  if (text === 'empty') return { lower: null, upper: null, bounds: 'empty' };
  const bounds = `${text[0]}${text.at(-1)}` as Range['bounds'];
  const [lower = null, upper = null] = readParts(`(${text.slice(1, -1)})`, '(', ')');
  return { lower: decodePart(lower), upper: decodePart(upper), bounds };
}

/** The ranges of a multirange, each as text. */
function rangesOf(text: string): string[] {
  const ranges: string[] = [];
  for (let at = 1; at < text.length - 1; ) {
    const lower = readPart(text, at + 1, ',');
    const upper = readPart(text, lower.end + 1, ')]');
    ranges.push(text.slice(at, upper.end + 1));
    at = upper.end + 2;
  }
  return ranges;
}

/** Reads up to one of the characters in `ends`; quotes and backslashes take the meaning of a character. */
function readPart(text: string, from: number, ends: string) {
  let at = from;
  let value = '';
  let isQuoted = false;
  let isOpen = false;
  for (; at < text.length; at++) {
    const character = text[at] as string;
    if (character === '\\') value += text[++at] ?? '';
    else if (character === '"' && isOpen && text[at + 1] === '"') {
      value += '"';
      at++;
    } else if (character === '"') {
      isOpen = !isOpen;
      isQuoted = true;
    } else if (!isOpen && ends.includes(character)) break;
    else value += character;
  }
  return { value, isQuoted, end: at };
}
