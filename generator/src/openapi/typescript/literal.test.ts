import { expect, test } from 'vitest';
import { commentText, literal, nameText } from '../../project/literal.ts';
import { contextText } from './code.ts';

const hostile = [
  "'; process.exit(1); '",
  '\\',
  "\\'",
  '"',
  '`$' + '{1}`',
  'a\nb\r\u2028\u2029\u0000',
  '</script>*/ //',
  'üß漢',
];

test('what a document says is a value in code, and nothing else', () => {
  const value = {
    texts: hostile,
    named: Object.fromEntries(hostile.map((text, index) => [text, index])),
    nested: { list: [1, null, true, { 'x-y': [] }], empty: {} },
  };
  // The code is our own output: that it means the value is what is tried.
  expect(new Function(`return ${literal(value)};`)()).toEqual(value);
  for (const text of hostile) {
    expect(new Function(`return ${literal(text)};`)()).toBe(text);
    expect(new Function(`return { ${nameText(text)}: 1 };`)()).toEqual({ [text]: 1 });
  }
});

test('a comment stays one', () => {
  for (const text of hostile) {
    expect(commentText(text)).not.toMatch(/[\n\r\u2028\u2029]|\*\//);
  }
});

test('what a path calls its parts stays in a comment', () => {
  const context = {
    ...{ type: 'Pet', title: 'Pet', description: '', schema: {}, open: [], marked: [] },
    request: { method: 'GET', path: '/x', parameters: [], accept: '*/*', security: [] },
    keyParameters: ['id\n    ...[evil()], //'],
    ...{ list: undefined, sensitivity: undefined, example: undefined },
  };
  expect(contextText(context, 'Pet')).not.toMatch(/^\s*\.\.\.\[evil/m);
});
