import { expect, test } from 'vitest';
import { renderFields, renderTable } from './table.ts';

const paper = { color: false } as const;
const columns = [{ title: 'name' }, { title: 'tags' }, { title: 'title', shrinks: true }];

test('columns are aligned, and nothing is cut off a screen', () => {
  const rows = [
    ['docs', '', 'Documents of the project'],
    ['a-long-name', '', 'x'],
  ];
  expect(renderTable(columns, rows, paper)).toBe(
    'NAME         TITLE\ndocs         Documents of the project\na-long-name  x\n',
  );
});

test('double-width characters take two columns', () => {
  const rows = [
    ['数据库', 'a'],
    ['docs', 'b'],
  ];
  expect(renderTable(columns.slice(0, 2), rows, paper)).toBe(
    'NAME    TAGS\n数据库  a\ndocs    b\n',
  );
});

test('columns that may shrink are cut to fit the screen', () => {
  const rows = [['docs', 'one', 'Documents of the whole project and more']];
  const text = renderTable(columns, rows, { columns: 30, color: false });
  expect(text).toContain('Documents of the…');
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(30);
});

test('the widest columns shrink first, and share the loss', () => {
  const wide = [
    { title: 'a', shrinks: true },
    { title: 'b', shrinks: true },
  ];
  const [, row = ''] = renderTable(wide, [['x'.repeat(80), 'y'.repeat(30)]], {
    columns: 52,
    color: false,
  }).split('\n');
  expect(row.length).toBeLessThanOrEqual(52);
  expect(row).toMatch(/x{20,}….*y{20,}/);
});

test('cells cannot break the table or drive the screen', () => {
  const text = renderTable([{ title: 'a' }], [['one\ntwo\u001b[31m\u202e']], paper);
  expect(text).toBe('A\none two\\x1b[31m\\u202e\n');
});

test('fields stand below each other, without the empty ones', () => {
  const fields = [
    ['tenant', 'acme'],
    ['consumer', ''],
    ['id', 'k1'],
  ] as const;
  expect(renderFields(fields, paper)).toBe('tenant  acme\nid      k1\n');
});
