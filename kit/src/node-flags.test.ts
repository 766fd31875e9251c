import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { nodeFlags, oneCoreFlags } from './node-flags.ts';

const root = join(import.meta.dirname, '../..');

// What cannot import them has them as text.
it.each([
  ['package.json', nodeFlags, 7],
  ['cli/bin/weir.js', nodeFlags, 1],
  ['README.md', oneCoreFlags, 1],
  ['docs/operating.md', oneCoreFlags, 1],
  ['Dockerfile', oneCoreFlags, 1],
])('%s starts Node with the same flags', (file, flags, times) => {
  const text = readFileSync(join(root, file), 'utf8')
    .replaceAll(/['",]/g, '')
    .replaceAll(/\s+/g, ' ');
  expect(text.split(flags.join(' ')).length - 1).toBe(times);
  expect(text.split(nodeFlags[0] ?? '').length - 1).toBe(times);
});
