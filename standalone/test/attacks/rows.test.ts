import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rows, triedRows } from './rows.ts';

const files = globSync('*.test.ts', { cwd: import.meta.dirname })
  .filter((name) => name !== 'rows.test.ts')
  .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'));

test.each(triedRows)('%s is tried', (name) => {
  expect(files.some((text) => text.includes(`'${name}'`) || text.includes(`'${name}: `))).toBe(
    true,
  );
});

test('what cannot be tried yet says why', () => {
  for (const row of Object.values(rows)) {
    if ('absent' in row) expect(row.absent).toMatch(/\w+ yet$/);
  }
});
