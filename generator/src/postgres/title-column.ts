import type { LinkedDraft } from './draft.ts';
import type { Marks } from './marks.ts';

/** Words for what people know a thing by, the best first. */
const titleWords = ['title', 'name', 'label', 'subject', 'description'];

/**
 * The column by which people know a row. What is marked as sensitive is none: titles are shown in
 * lists, where no policy looks at the fields of the value.
 */
export function titleColumnOf({ columns, key }: LinkedDraft, marks: Marks): string | undefined {
  const texts = columns
    .filter(({ type }) => type.codec === 'text' || type.codec === 'trimmed')
    .filter(({ type }) => type.schema.type === 'string' && type.schema.pattern === undefined)
    .map(({ row }) => row.name)
    .filter((name) => !marks.has(name) && !key.includes(name));
  for (const word of titleWords) {
    const found =
      texts.find((name) => name.toLowerCase() === word) ??
      texts.find((name) => name.toLowerCase().endsWith(word));
    if (found !== undefined) return found;
  }
  return undefined;
}
