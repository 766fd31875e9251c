import { expect, test } from 'vitest';
import type { OfferedTable } from '../model.ts';
import { contextFiles } from './context-files.ts';

const tableOf = (delimiter: string): OfferedTable => ({
  kind: 'table',
  description: '',
  referredBy: [],
  type: 'Shape',
  version: '1.0.0',
  jsonSchema: { type: 'object' },
  schema: 'public',
  name: 'shape',
  columns: { parts: { sql: '"parts"', codec: { array: 'text', delimiter } } },
  key: ['id'],
});

test.each([
  [';', "';'"],
  ["'", "'\\''"],
  ['\\', "'\\\\'"],
])('an array that %j divides', (delimiter, written) => {
  const tables = [tableOf(delimiter)];
  const model = { database: 'd', description: '', tables, marked: [], leftOut: [], remarks: [] };
  const text = new Map(contextFiles(model, 'shapes')).get('contexts/shape.go');
  expect(text).toContain(`postgres.Array{Of: postgres.Text, Delimiter: ${written}}`);
});
