// What does not show, and what it can do: a description may tell a model what its reader never sees.

/**
 * Characters without a shape of their own: controls, zero-width and bidi characters, tags, variation
 * selectors, private use. Line ends and tabs are not among them.
 */
const hidden =
  /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Co}\p{Zl}\p{Zp}]|[^\P{Cc}\n\r\t]|\p{Cs}/gu;

/** Emoji are joined and dressed by such characters, and there they show. */
const emoji =
  /\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\u{FE0F})*(?:\u{200D}\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\u{FE0F})*)*/gu;

/** Whether a text holds characters that do not show. */
export function hasHidden(text: string): boolean {
  return text.replaceAll(emoji, '').search(hidden) >= 0;
}

/** The text with such characters written out, as in `\u{200b}`. */
export function showHidden(text: string): string {
  if (!hasHidden(text)) return text;
  return text.replaceAll(hidden, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Where in a value such characters stand, in names or texts; undefined: nowhere. */
export function hiddenIn(value: unknown, path = ''): string | undefined {
  if (typeof value === 'string') return hasHidden(value) ? path : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, inner] of Object.entries(value)) {
    const place = path === '' ? name : `${path}.${name}`;
    const found = hasHidden(name) ? place : hiddenIn(inner, place);
    if (found !== undefined) return showHidden(found);
  }
  return undefined;
}
