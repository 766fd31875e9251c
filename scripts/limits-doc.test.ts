import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultLimits } from '@weir/kit';
import { routerSettings } from '@weir/router';
import { expect, test } from 'vitest';

// docs/limits.md says what the code says.

const root = join(import.meta.dirname, '..');
const document = readFileSync(join(root, 'docs/limits.md'), 'utf8');
const rows = [
  ...document.matchAll(/^\| ([^|]+) \| (\d[^|]*) \| `([^`]+)` `(\w+)`(?:, (\w+))? \|/gm),
];

const units: Readonly<Record<string, number>> = {
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  MB: 1,
  ms: 1,
  s: 1000,
  min: 60_000,
  m: 60_000,
  h: 3_600_000,
};

/** `4 MiB - 32 KiB` as a number; times in milliseconds. */
function sizeOf(text: string): number {
  const parts = text.split(' - ').map((part) => {
    const [, digits, unit] = /^(\d+) ?([A-Za-z]*)$/.exec(part.trim()) ?? [];
    return Number(digits) * (unit ? (units[unit] ?? Number.NaN) : 1);
  });
  return parts.reduce((whole, part) => whole - part);
}

/** What the code sets a name to: a constant, or a field of an object, of products and differences. */
function setInCode(file: string, name: string): number {
  const source = readFileSync(join(root, file), 'utf8');
  const found = new RegExp(`\\b${name}(?: =|:) ([\\d_][\\d_ *-]*)[;,]`).exec(source);
  const product = (text: string) =>
    text.split('*').reduce((whole, part) => whole * Number(part.replaceAll('_', '')), 1);
  return (found?.[1] ?? 'none')
    .split(' - ')
    .map(product)
    .reduce((whole, part) => whole - part);
}

test.each(
  rows.map(([, what = '', value = '', file = '', name = '', variable]) => ({
    what,
    value,
    file,
    name,
    variable,
  })),
)('$what: $value', ({ value, file, name, variable }) => {
  if (variable === undefined) return expect(setInCode(file, name)).toBe(sizeOf(value));
  const setting = Object.entries(routerSettings).find(([key]) => key === name)?.[1];
  expect(setting?.variable).toBe(variable);
  expect(sizeOf(setting?.default ?? '')).toBe(sizeOf(value));
});

test('every row was read, and no limit of the server is missing', () => {
  const lines = document.split('\n').filter((line) => line.startsWith('| '));
  const headings = lines.filter((line) => line.startsWith('| what |'));
  expect(rows).toHaveLength(lines.length - headings.length);
  const named = new Set(rows.map((row) => row[4]));
  const unnamed = Object.keys(defaultLimits).filter((name) => !named.has(name));
  // It is no bound.
  expect(unnamed).toEqual(['compressMinBytes']);
});
