import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureFolder, requireFolder } from './folders.ts';
import { SettingsError } from './settings.ts';

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'weir-folders-'));
  await writeFile(join(root, 'file'), '');
});

afterAll(() => rm(root, { recursive: true, force: true }));

test('a folder is made with those around it, once, for its owner alone', async () => {
  const path = join(root, 'a/b/c');
  await ensureFolder('WEIR_X', path);
  await ensureFolder('WEIR_X', path);
  expect((await stat(path)).mode & 0o777).toBe(0o700);
  expect((await stat(join(root, 'a'))).mode & 0o777).toBe(0o700);
});

test('a folder is made by several at once', async () => {
  for (let round = 0; round < 50; round += 1) {
    const path = join(root, `many/${round}/b/c`);
    await Promise.all(Array.from({ length: 4 }, () => ensureFolder('WEIR_X', path)));
    expect((await stat(path)).isDirectory()).toBe(true);
  }
});

test.each([
  ['a file', 'file', 'EEXIST|ENOTDIR'],
  ['in a file', 'file/x', 'ENOTDIR'],
  ['nowhere', 'a\0b', 'ERR_INVALID_ARG_VALUE'],
])('what is %s is refused', async (_, name, code) => {
  const path = join(root, name);
  const text = new RegExp(`^WEIR_X names .*, which cannot be written to \\((${code})\\); name a`);
  await expect(ensureFolder('WEIR_X', path)).rejects.toThrow(SettingsError);
  await expect(ensureFolder('WEIR_X', path)).rejects.toThrow(text);
});

test.runIf(process.platform === 'linux')('under /proc it ends, and is refused', async () => {
  await expect(ensureFolder('WEIR_X', '/proc/x')).rejects.toThrow('(ENOENT)');
  await expect(ensureFolder('WEIR_X', '/proc/x/y/z')).rejects.toThrow('(ENOENT)');
});

test('a folder to read has to be there', async () => {
  await requireFolder('WEIR_X', root);
  await expect(requireFolder('WEIR_X', join(root, 'none'))).rejects.toThrow('(ENOENT)');
  await expect(requireFolder('WEIR_X', join(root, 'file'))).rejects.toThrow('(ENOTDIR)');
});

test.runIf(process.getuid?.() !== 0)('a folder of another user is refused', async () => {
  const path = join(root, 'locked');
  await ensureFolder('WEIR_X', path);
  await chmod(path, 0o500);
  await expect(ensureFolder('WEIR_X', path)).rejects.toThrow('(EACCES)');
});
