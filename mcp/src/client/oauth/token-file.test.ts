import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@weir/kit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type HeldTokens, type Holder, openTokenFile, tokenFilesOf } from './token-file.ts';

const log = createLogger({ name: 'test', level: 'silent' });
const ada: Holder = {
  ...{ upstream: 'crm', url: 'https://crm.example/mcp', tenant: 'acme', principal: 'ada' },
};
const held = (token: string): HeldTokens => ({
  tokens: { access_token: token, token_type: 'Bearer', issuer: 'https://issuer.example' },
  asked: 'read',
});
let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-tokens-'));
  file = join(folder, 'upstreams.yaml');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

test('tokens are there again after a start, for their holder and address alone', async () => {
  const first = openTokenFile(file, log);
  await first.keepTokens(ada, held('canary-of-ada'));
  expect(await readFile(tokenFilesOf(file).path, 'utf8')).not.toContain('canary');
  const again = openTokenFile(file, log);
  expect(again.tokens(ada)?.tokens.access_token).toBe('canary-of-ada');
  for (const other of [{ principal: 'bob' }, { tenant: 'other' }, { upstream: 'erp' }]) {
    expect(again.tokens({ ...ada, ...other })).toBeUndefined();
  }
  expect(again.tokens({ ...ada, url: 'https://evil.example/mcp' })).toBeUndefined();
});

test('what is dropped is gone from the disk', async () => {
  const tokens = openTokenFile(file, log);
  await tokens.keepTokens(ada, held('one'));
  await tokens.keepTokens({ ...ada, upstream: 'erp' }, held('two'));
  tokens.drop('crm', ada.url);
  expect(tokens.tokens(ada)).toBeDefined();
  tokens.drop('crm', 'https://moved.example/mcp');
  expect(tokens.tokens(ada)).toBeUndefined();
  await tokens[Symbol.asyncDispose]();
  const again = openTokenFile(file, log);
  expect(again.tokens(ada)).toBeUndefined();
  expect(again.tokens({ ...ada, upstream: 'erp' })).toBeDefined();
});

test('tokens under another key, and changed ones, are not read', async () => {
  const { path, keyPath } = tokenFilesOf(file);
  await openTokenFile(file, log).keepTokens(ada, held('one'));
  const sealed = Buffer.from(await readFile(path, 'utf8'), 'base64');
  sealed[20] = (sealed[20] ?? 0) ^ 1;
  await writeFile(path, sealed.toString('base64'));
  expect(() => openTokenFile(file, log)).toThrow('remove both, and sign in again');
  await rm(keyPath);
  expect(() => openTokenFile(file, log)).toThrow('remove both, and sign in again');
});

test('a key that others can read is not taken', async () => {
  await writeFile(tokenFilesOf(file).keyPath, 'x', { mode: 0o644 });
  expect(() => openTokenFile(file, log)).toThrow('chmod 600');
});
