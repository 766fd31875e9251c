import { chmod, mkdtemp, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ensureServiceSecret, readSecretFile, readServiceSecret } from './secret-file.ts';

const folder = () => mkdtemp(join(tmpdir(), 'weir-secret-'));

test('a secret is made once, for its owner only, and read again', async () => {
  const path = join(await folder(), 'service.key');
  const made = ensureServiceSecret('WEIR_X', path);
  expect(made.length).toBeGreaterThanOrEqual(32);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(ensureServiceSecret('WEIR_X', path)).toEqual(made);
});

test.each([
  'a'.repeat(64),
  '0'.repeat(32),
  'changeme'.repeat(8),
  '0123456789abcdef'.repeat(4),
  'correct horse battery staple...!'.repeat(2),
])('a secret that anybody may guess is refused, and not told: %s', async (text) => {
  const path = join(await folder(), 'secret');
  await writeFile(path, text, { mode: 0o600 });
  const read = () => readServiceSecret('WEIR_X', path);
  expect(read).toThrow(/WEIR_X names .*, which holds what anybody may guess; write it with/);
  expect(read).not.toThrow(text);
});

test('a secret that others can read, that is missing or too short is refused by name', async () => {
  const path = join(await folder(), 'secret');
  expect(() => readSecretFile('WEIR_X', path)).toThrow(/WEIR_X.*cannot be read \(ENOENT\)/);
  await writeFile(path, 'short\n', { mode: 0o600 });
  expect(readSecretFile('WEIR_X', path)).toBe('short');
  expect(() => readServiceSecret('WEIR_X', path)).toThrow(/holds 5 bytes; at least 32/);
  await chmod(path, 0o644);
  expect(() => readSecretFile('WEIR_X', path)).toThrow(/chmod 600/);
});
