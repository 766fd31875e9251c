// Go as gofmt writes it, so that a generated project needs no formatting.

/** Composites that are no longer stand on one line. */
const lineMaxChars = 100;
const commentMaxChars = 200;

/** A field of a composite literal: its name, or none in a list, and its value as Go. */
export type GoField = readonly [name: string, value: string | undefined];

/** A text in quotes, whatever it holds. */
export function goText(text: string): string {
  // What is half a character has no form in Go.
  return JSON.stringify(text.toWellFormed()).replaceAll('\ufeff', '\\ufeff');
}

/** One character in single quotes, whatever it is. */
export function goRune(character: string): string {
  // Unlike in a text, the single quote ends it there, and the double one may not be escaped.
  const within = character === '"' ? '"' : goText(character).slice(1, -1);
  return character === "'" ? "'\\''" : `'${within}'`;
}

/** JSON as a raw string over several lines: what would end it, or be taken out, is escaped in the JSON. */
export function goJson(value: unknown): string {
  const text = JSON.stringify(value, null, 2);
  return `\`${text.toWellFormed().replace(/[`\ufeff]/g, escaped)}\``;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A composite literal, such as `Link{Type: "Artist"}`; fields without a value are left out. */
export function goStruct(type: string, fields: readonly GoField[]): string {
  const given = fields.flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
  const line = `${type}{${given.map(({ name, value }) => `${name}: ${value}`).join(', ')}}`;
  if (line.length <= lineMaxChars && !line.includes('\n')) return line;
  const lines: string[] = [];
  for (let at = 0; at < given.length; ) {
    const run = runFrom(given, at);
    const width = Math.max(...run.map(({ name }) => name.length));
    lines.push(
      ...run.map(({ name, value }) => `${`${name}:`.padEnd(width + 1)} ${indented(value)},`),
    );
    at += run.length;
  }
  return `${type}{\n${lines.map((each) => `\t${each}\n`).join('')}}`;
}

/** gofmt aligns the values of fields in a row, of which each stands on one line. */
function runFrom<T extends { readonly value: string }>(fields: readonly T[], from: number): T[] {
  const isPlain = ({ value }: T) => !value.includes('\n');
  const end = fields.findIndex((field, at) => at >= from && !isPlain(field));
  const run = fields.slice(from, end === -1 ? undefined : end);
  return run.length > 0 ? run : fields.slice(from, from + 1);
}

/** A list, such as `[]string{"id"}`. */
export function goList(type: string, items: readonly string[]): string {
  const line = `${type}{${items.join(', ')}}`;
  if (line.length <= lineMaxChars && !line.includes('\n')) return line;
  return `${type}{\n${items.map((item) => `\t${indented(item)},\n`).join('')}}`;
}

/** A list of texts; undefined when it is empty. */
export function goTexts(texts: readonly string[]): string | undefined {
  return texts.length === 0 ? undefined : goList('[]string', texts.map(goText));
}

/** What ends a line outside of raw strings, or is passed over as a whole. */
const lineEnds = /"(?:[^"\\\n]|\\.)*"|`[^`]*`|\n/g;

/** The lines after the first, one level deeper; those of raw strings stay as they are. */
export function indented(text: string): string {
  return text.replace(lineEnds, (found) => (found === '\n' ? '\n\t' : found));
}

/** A text within a comment, in one line that gofmt leaves as it is. */
export function goComment(text: string): string {
  const line = text
    .toWellFormed()
    .replace(/[\s\p{Cc}\ufeff]+/gu, ' ')
    .trim();
  if (line.length <= commentMaxChars) return line;
  return `${line.slice(0, commentMaxChars).replace(/\s+\S*$/, '')} …`.toWellFormed();
}
