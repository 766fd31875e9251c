import { expect, test } from 'vitest';
import { goComment, goJson, goList, goRune, goStruct, goText, indented } from './literal.ts';

test('fields of a row are aligned as gofmt does, up to a value of several lines', () => {
  const long = goList(
    '[]string',
    Array.from({ length: 12 }, (_, at) => goText(`column_${at}`)),
  );
  const text = goStruct('T', [
    ['A', '1'],
    ['Longer', '2'],
    ['Absent', undefined],
    ['Columns', long],
    ['B', '3'],
  ]);
  expect(text.split('\n').slice(0, 4)).toEqual([
    'T{',
    '\tA:      1,',
    '\tLonger: 2,',
    '\tColumns: []string{',
  ]);
  expect(text).toContain('\t\t"column_0",\n');
  expect(text).toMatch(/\n\t},\n\tB: 3,\n}$/);
  expect(goStruct('T', [['A', '1']])).toBe('T{A: 1}');
});

test.each([
  ['a "b" \\ \n', '"a \\"b\\" \\\\ \\n"'],
  ['\ufeff\ud800', '"\\ufeff\ufffd"'],
  ['`', '"`"'],
])('the text %j', (text, written) => {
  expect(goText(text)).toBe(written);
});

test.each([
  [';', "';'"],
  ["'", "'\\''"],
  ['\\', "'\\\\'"],
  ['"', `'"'`],
  ['\u0001', "'\\u0001'"],
])('the character %j', (character, written) => {
  expect(goRune(character)).toBe(written);
});

// Go reads the escapes that JSON has as JSON does.
test.each(["'; os.Exit(1) //", '\\', '\\"', '`+"`"+`', 'a\nb\r\u2028\u0000', '*/ //go:embed x'])(
  '%j stays a value in code, and a comment one',
  (hostile) => {
    expect(JSON.parse(goText(hostile))).toBe(hostile);
    expect(goComment(hostile)).not.toMatch(/[\p{Cc}\u2028]/u);
  },
);

test('JSON is a raw string that nothing in it ends, or is taken out of', () => {
  const value = { 'a`b': '`\ufeff\r' };
  const written = goJson(value);
  expect(written.slice(1, -1)).not.toMatch(/[`\ufeff\r]/);
  expect(JSON.parse(written.slice(1, -1))).toEqual(value);
});

test('lines are indented, but those of raw strings', () => {
  expect(indented('a {\n"`\\"",\n`b\nc`,\n}')).toBe('a {\n\t"`\\"",\n\t`b\nc`,\n\t}');
});

test('a comment stands on one line, and is not too long', () => {
  expect(goComment(' a\n\u0000 b\u2028c ')).toBe('a b c');
  expect(goComment('word '.repeat(100)).length).toBeLessThan(210);
});
