import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SettingsError } from '@weir/kit';
import { afterAll, expect, test } from 'vitest';
import { readRegistryConfig } from './config.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function secretFile(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, `${text}\n`, { mode });
  return path;
}

const shared = {
  WEIR_SERVICE_SECRET_FILE: secretFile('service', randomBytes(32).toString('base64')),
};
const password = secretFile('password', 'p:w/@é 6u8Zq1x');
const url = 'postgres://weir@db.example:5432/weir';

const read = (env: NodeJS.ProcessEnv) => readRegistryConfig({ ...shared, ...env }).databaseUrl;

test('the password of the database comes from a file of its own', () => {
  const whole = read({ WEIR_DATABASE_URL: url, WEIR_DATABASE_PASSWORD_FILE: password }) ?? '';
  expect(decodeURIComponent(new URL(whole).password)).toBe('p:w/@é 6u8Zq1x');
  expect(new URL(whole).host).toBe('db.example:5432');
  expect(read({ WEIR_DATABASE_URL: url })).toBe(url);
  expect(read({})).toBe(undefined);
});

test.each([
  ['without the database', { WEIR_DATABASE_PASSWORD_FILE: password }, /without WEIR_DATABASE_URL/],
  [
    'beside a password in the URL',
    {
      WEIR_DATABASE_URL: 'postgres://weir:hush@db.example/weir',
      WEIR_DATABASE_PASSWORD_FILE: password,
    },
    /has a password too; take it out of the URL/,
  ],
  [
    'that others can read',
    { WEIR_DATABASE_URL: url, WEIR_DATABASE_PASSWORD_FILE: secretFile('open', 'x', 0o644) },
    /others can read; chmod 600/,
  ],
])('a password file %s is refused in one sentence', (_, env, says) => {
  const start = () => read(env);
  expect(start).toThrow(SettingsError);
  expect(start).toThrow(says);
  expect(start).not.toThrow(/hush/);
});
