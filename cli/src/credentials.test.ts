import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { testKey } from '../test/weir-server.ts';
import { findKey, findUrl } from './credentials.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
});

afterEach(() => rm(folder, { recursive: true }));

async function keep(file: string, mode = 0o600, text = `${testKey}\n`): Promise<string> {
  const path = join(folder, file);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, text, { mode });
  await chmod(path, mode);
  return path;
}

describe('the key', () => {
  test('comes from the key file of a folder above', async () => {
    await keep('.weir/admin.key');
    const cwd = join(folder, 'a', 'b');
    await mkdir(cwd, { recursive: true });
    expect(await findKey({ env: {}, cwd })).toBe(testKey);
  });

  test('comes from WEIR_DATA_DIR rather than from .weir', async () => {
    await keep('.weir/admin.key', 0o600, 'weir_wrong_wrong');
    await keep('data/admin.key');
    expect(await findKey({ env: { WEIR_DATA_DIR: 'data' }, cwd: folder })).toBe(testKey);
  });

  test('of WEIR_KEY wins over files, --key-file over all', async () => {
    await keep('.weir/admin.key');
    const keyFile = await keep('other.key', 0o600, 'weir_other_key');
    const env = { WEIR_KEY: 'weir_env_key' };
    expect(await findKey({ env, cwd: folder })).toBe('weir_env_key');
    expect(await findKey({ env, cwd: folder, keyFile })).toBe('weir_other_key');
  });

  test('is refused from a file that others can read', async () => {
    const file = await keep('.weir/admin.key', 0o644);
    const found = findKey({ env: {}, cwd: folder });
    await expect(found).rejects.toMatchObject({
      exitCode: 3,
      message: `The key file ${file} can be read by others, so it is not used.`,
      mend: `Run \`chmod 600 ${file}\`, and replace the key if others had access.`,
    });
  });

  test('of the local Weir is not sent to another machine', async () => {
    await keep('.weir/admin.key');
    const env = { WEIR_URL: 'https://weir.example.com' };
    await expect(findKey({ env, cwd: folder })).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('is not sent to weir.example.com'),
    });
    const keyFile = '.weir/admin.key';
    expect(await findKey({ env, cwd: folder, keyFile })).toBe(testKey);
  });

  test('that is none is refused without being shown', async () => {
    const keyFile = await keep('odd.key', 0o600, 'hunter2');
    const error = await findKey({ env: {}, cwd: folder, keyFile }).catch((caught) => caught);
    expect(error).toMatchObject({
      exitCode: 3,
      message: `What ${keyFile} holds is not a key of Weir.`,
    });
    expect(JSON.stringify(error)).not.toContain('hunter2');
  });

  test('that is nowhere is said to be so', async () => {
    const env = { WEIR_DATA_DIR: 'nowhere' };
    await expect(findKey({ env, cwd: folder })).rejects.toMatchObject({
      exitCode: 3,
      message: 'There is no key: WEIR_KEY is not set, and no file admin.key in nowhere.',
    });
    await expect(findKey({ env, cwd: folder, keyFile: 'none.key' })).rejects.toMatchObject({
      message: expect.stringContaining('cannot be read'),
    });
  });
});

describe('the address', () => {
  const cwd = '/';

  test('is of --url, WEIR_URL or the local Weir', () => {
    const env = { WEIR_URL: 'http://one:7070/' };
    expect(findUrl({ env, cwd, url: 'https://two' })).toBe('https://two');
    expect(findUrl({ env, cwd })).toBe('http://one:7070');
    expect(findUrl({ env: {}, cwd })).toBe('http://127.0.0.1:7070');
  });

  test('that is none is refused, and no password is repeated', () => {
    expect(() => findUrl({ env: {}, cwd, url: 'one:7070' })).toThrow('is no http or https URL');
    expect(() => findUrl({ env: {}, cwd, url: 'http://a:hunter2@one' })).toThrow(
      /^The address "http:\/\/…@one" holds user info/,
    );
  });
});
