/** An expression of Python: a text that stands on one line, or something in brackets. */
export type Expression = string | Bracketed;

/** Parts between brackets: the arguments of a call, or what a list or a dictionary holds. */
export interface Bracketed {
  readonly open: string;
  readonly parts: readonly Part[];
  readonly close: string;
}

/** One of them. */
export interface Part {
  /** What stands before the value, such as `name=`. */
  readonly lead: string;
  readonly value: Expression;
  /** Lines of comment above it. */
  readonly comment?: readonly string[] | undefined;
}

/** The longest line, as the formatter `black` is told in generated projects. */
export const lineMaxChars = 100;

/** A call with named arguments; those that are undefined are left out, and `''` is no name. */
export function call(
  name: string,
  named: Readonly<Record<string, Expression | undefined>>,
): Expression {
  const parts = Object.entries(named).flatMap(([lead, value]) =>
    value === undefined ? [] : [{ lead: lead === '' ? '' : `${lead}=`, value }],
  );
  return { open: `${name}(`, parts, close: ')' };
}

/** A call with arguments by their places, or a type with its own. */
export function applied(
  name: string,
  values: readonly Expression[],
  [open, close]: readonly [string, string] = ['(', ')'],
): Expression {
  return { open: name + open, parts: values.map((value) => ({ lead: '', value })), close };
}

/** Names of a module; those of many stand in brackets, each on its own line. */
export function importLine(from: string, names: readonly string[]): string {
  const line = `from ${from} import ${names.join(', ')}`;
  return line.length <= lineMaxChars ? line : render(applied('', names), `from ${from} import `);
}

/** A list of expressions. */
export function list(values: readonly Expression[]): Expression {
  return applied('', values, ['[', ']']);
}

/** A dictionary, by its names. */
export function dictionary(entries: readonly (readonly [string, Expression])[]): Expression {
  const parts = entries.map(([name, value]) => ({ lead: `${textLiteral(name)}: `, value }));
  return { open: '{', parts, close: '}' };
}

/** A JSON value as Python has it. */
export function literal(value: unknown): Expression {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return textLiteral(value);
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return list(value.map(literal));
  return dictionary(Object.entries(value).map(([name, each]) => [name, literal(each)]));
}

/**
 * Writes an expression the way `black` does: on one line where it fits, else each part on its own.
 *
 * @param lead what stands before it on its first line, its indentation included.
 * @param tail how many characters follow it on its last line.
 */
export function render(value: Expression, lead: string, tail = 0): string {
  if (typeof value === 'string') return lead + value;
  const flat = isFlat(value) ? flatText(value) : undefined;
  if (flat !== undefined && lead.length + flat.length + tail <= lineMaxChars) return lead + flat;
  const indent = /^ */.exec(lead)?.[0] ?? '';
  // A comma behind the only index of a type would make it a tuple.
  const comma = /\w\[$/.test(value.open) && value.parts.length === 1 ? '' : ',';
  const lines = value.parts.flatMap((part) => [
    ...(part.comment ?? []).map((line) => `${indent}    # ${line}`),
    `${render(part.value, `${indent}    ${part.lead}`, comma.length)}${comma}`,
  ]);
  return [`${lead}${value.open}`, ...lines, `${indent}${value.close}`].join('\n');
}

function isFlat(value: Expression): boolean {
  if (typeof value === 'string') return true;
  return value.parts.every((part) => !part.comment?.length && isFlat(part.value));
}

/** An expression on one line, however long. */
export function flatText(value: Expression): string {
  if (typeof value === 'string') return value;
  const parts = value.parts.map((part) => part.lead + flatText(part.value));
  return `${value.open}${parts.join(', ')}${value.close}`;
}

/** What is written with its number: it cannot be seen, ends a line, or turns it around. */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

/** A text in quotes, whatever it holds; in those of which it holds fewer, the double ones rather. */
export function textLiteral(text: string): string {
  const count = (quote: string) => text.split(quote).length;
  const quote = count('"') > count("'") ? "'" : '"';
  const inner = text
    .replaceAll('\\', '\\\\')
    .replaceAll(quote, `\\${quote}`)
    .replace(unseen, escaped);
  return `${quote}${inner}${quote}`;
}

function escaped(character: string): string {
  const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character];
  if (short) return short;
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return code.length <= 4 ? `\\u${code.padStart(4, '0')}` : `\\U${code.padStart(8, '0')}`;
}

/** A text as lines of a comment or docstring, so wide at most. */
export function wrapped(text: string, width: number): string[] {
  const words = proseOf(text).split(' ').filter(Boolean);
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width)
      lines.push(`${lines.pop()} ${word}`);
    else lines.push(word);
  }
  return lines;
}

/** A docstring, indented by so many blanks; paragraphs stand apart. */
export function docstring(paragraphs: readonly string[], indent = 0): string {
  const blanks = ' '.repeat(indent);
  const said = paragraphs.map(proseOf).filter((text) => text !== '');
  const [first = '', ...rest] = said;
  const short = `${blanks}"""${ended(first)}"""`;
  if (rest.length === 0 && short.length <= lineMaxChars) return short;
  // Three quotes stand on the first line, and on the last one where it is the only one.
  const width = lineMaxChars - indent;
  const [head = '', ...more] = wrapped(ended(first), rest.length === 0 ? width - 6 : width - 3);
  const [opening = '', ...others] = [
    head,
    ...more,
    ...rest.flatMap((each) => ['', ...wrapped(ended(each), width)]),
  ];
  const body = others.map((line) => (line === '' ? '' : blanks + line));
  return [`${blanks}"""${opening}`, ...body, `${blanks}"""`].join('\n');
}

function ended(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

/** Without what would end a docstring or be an escape in it. */
function proseOf(text: string): string {
  return text
    .replace(unseen, ' ')
    .replace(/\s+/g, ' ')
    .replaceAll('"""', "'''")
    .replaceAll('\\', '/')
    .trim()
    .replace(/^"/, ' "')
    .trimEnd();
}
