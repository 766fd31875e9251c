import { parse } from 'yaml';

/** What a document says of itself before it begins. */
export interface FrontMatter {
  readonly title?: string;
  /** All of its fields. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Longer front matter is not read. */
const maxChars = 16 * 1024;

/**
 * Takes the YAML between `---` lines off the beginning of a text. It is blanked rather than cut
 * out, so that line numbers stay true.
 */
export function takeFrontMatter(text: string): { frontMatter: FrontMatter; body: string } {
  const match = /^---[ \t]*\r?\n([\s\S]*?\n)?---[ \t]*(?:\r?\n|$)/.exec(text);
  if (!match || match[0].length > maxChars) return { frontMatter: {}, body: text };
  const body = match[0].replace(/[^\n]/g, ' ') + text.slice(match[0].length);
  return { frontMatter: read(match[1] ?? ''), body };
}

function read(yaml: string): FrontMatter {
  try {
    // JSON's values only: a document may hold whatever YAML allows.
    const fields: unknown = JSON.parse(JSON.stringify(parse(yaml, { logLevel: 'silent' }) ?? {}));
    if (!isRecord(fields) || Object.keys(fields).length === 0) return {};
    const title = typeof fields.title === 'string' ? fields.title.trim() : '';
    return title === '' ? { fields } : { title, fields };
  } catch {
    // Not YAML: the document is still worth reading.
    return {};
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
