/** Text that is HTML already. Made by `html` alone. */
export interface Html {
  readonly html: string;
}

/** What can stand in a template: text, which is escaped, or HTML. */
export type Part = string | number | bigint | Html | readonly Html[];

/** HTML with all that stands in it escaped, for text and for attributes in double quotes. */
export function html(parts: TemplateStringsArray, ...values: readonly Part[]): Html {
  const texts = parts.map((part, at) => part + (at < values.length ? textOf(values[at]) : ''));
  return { html: texts.join('') };
}

/** HTML of several pieces. */
export function joined(parts: readonly Html[]): Html {
  return { html: parts.map((part) => part.html).join('') };
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

// Marks that change the direction of writing, and control characters, would let a name show
// something else than it is.
const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

function textOf(value: Part | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'object') return 'html' in value ? value.html : joined(value).html;
  return String(value)
    .replace(UNSAFE, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .replace(/[&<>"']/g, (mark) => ESCAPES[mark] ?? mark);
}
