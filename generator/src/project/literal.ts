const widthMax = 96;

/** A value of JSON as TypeScript, broken over lines where it is long. */
export function literal(value: unknown, indent = 0): string {
  const flat = flatLiteral(value);
  if (typeof value !== 'object' || value === null || flat.length + indent <= widthMax) return flat;
  const inner = ' '.repeat(indent + 2);
  const isList = Array.isArray(value);
  const parts = isList
    ? value.map((each) => literal(each, indent + 2))
    : entriesOf(value).map(([name, each]) => `${nameText(name)}: ${literal(each, indent + 2)}`);
  const [open, close] = isList ? ['[', ']'] : ['{', '}'];
  return `${open}\n${parts.map((part) => `${inner}${part},\n`).join('')}${' '.repeat(indent)}${close}`;
}

function flatLiteral(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return `[${value.map(flatLiteral).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const members = entriesOf(value).map(([name, each]) => `${nameText(name)}: ${flatLiteral(each)}`);
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

function entriesOf(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, each]) => each !== undefined);
}

/** A text in single quotes. */
export function quoted(text: string): string {
  const inside = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${inside.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')}'`;
}

/** The name of a member, in quotes where it has to be; `__proto__` alone would be the prototype. */
export function nameText(name: string): string {
  if (name === '__proto__') return "['__proto__']";
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name) ? name : quoted(name);
}

/** A text in one line of a comment. */
export function commentText(text: string): string {
  return text.replace(/\s+/g, ' ').replaceAll('*/', '* /').trim();
}
