import { expect, test } from 'vitest';
import { type Located, readDocument } from './document.ts';

/** The text of the field "text", and where its parts stand. */
function textIn(document: string): Extract<Located, { kind: 'scalar' }> {
  const { root } = readDocument(document);
  const field = root?.kind === 'map' ? root.fields.find(({ name }) => name === 'text') : undefined;
  return field?.value.kind === 'scalar' ? field.value : expect.unreachable('there is no text');
}

function placeOf(document: string, word: string) {
  const before = document.slice(0, document.indexOf(word)).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

test.each([
  ['plain', 'text: one two HERE\n'],
  ['plain, over lines', 'text: one two\n  three\n\n  four HERE five\nlast: 1\n'],
  ['single quotes', "text: 'it''s one ''and'' HERE'\n"],
  ['double quotes', String.raw`text: "a \"b\" \n \x41 \u0042 \U0001F600 HERE"`],
  ['double quotes with blanks escaped', String.raw`text: "a\tb\x20c\ d HERE"`],
  ['double quotes, over lines', 'text: "one \\\n  two\n\n  three HERE"\n'],
  ['a literal block', 'text: |\n  one\n    two HERE\n  three\n'],
  ['a literal block, indented by hand', 'text: |2-  # why\n    one\n  two HERE\n'],
  ['a folded block', 'first: 0\ntext: >-\n  one\n  two\n\n  three HERE four\n'],
  ['a folded block with a deeper line', 'text: >\n  one\n    two\n  HERE\n'],
  ['carriage returns', 'text: |\r\n  one\r\n  two HERE\r\n'],
  ['JSON', '{"a": [1, 2],\n "text": "one \\"two\\" \\u00e9 HERE"}'],
  ['an anchor before it', 'text: &a |\n  one\n  HERE\n'],
  ['other scripts', 'text: 資料 😀 HERE\n'],
])('finds a word in %s', (_, document) => {
  const { value, inside } = textIn(document);
  const at = String(value).indexOf('HERE');
  expect(at).toBeGreaterThan(0);
  expect(inside?.(at)).toEqual(placeOf(document, 'HERE'));
  // Its last character stands three further on, in every style.
  const { line, column } = placeOf(document, 'HERE');
  expect(inside?.(at + 3)).toEqual({ line, column: column + 3 });
});

test('a place behind the text is its end, and one before it its beginning', () => {
  const { inside } = textIn('text: "ab"\nnext: 1\n');
  expect(inside?.(0)).toEqual({ line: 1, column: 8 });
  expect(inside?.(2)).toEqual({ line: 1, column: 10 });
  expect(inside?.(99)).toEqual({ line: 1, column: 10 });
  expect(textIn('text: ""\n').inside?.(0)).toEqual({ line: 1, column: 8 });
  expect(textIn('text: |\n').inside?.(0)).toEqual({ line: 2, column: 1 });
});

test('what an alias stands for stands where the anchor is', () => {
  const { inside } = textIn('base: &b one HERE\ntext: *b\n');
  expect(inside?.(4)).toEqual({ line: 1, column: 14 });
});
