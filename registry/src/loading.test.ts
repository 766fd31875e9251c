import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const drizzle = dirname(fileURLToPath(import.meta.resolve('drizzle-orm')));

test('all of drizzle is modules, as is assumed where its package.json is not asked', async () => {
  expect(globSync('**/package.json', { cwd: drizzle })).toEqual(['package.json']);
  const { type } = JSON.parse(await readFile(`${drizzle}/package.json`, 'utf8')) as {
    type?: string;
  };
  expect(type).toBe('module');
});

test('what is hastened is the same registry', async () => {
  const program = `
    const before = await import('drizzle-orm/pg-core/table');
    (await import(${JSON.stringify(new URL('./loading.ts', import.meta.url))})).hastenLoading();
    const { openRegistry } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url))});
    const after = await import('drizzle-orm/pg-core');
    console.log(typeof openRegistry, before.PgTable === after.PgTable);
  `;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], {
    cwd: import.meta.dirname,
  });
  expect(stdout.trim()).toBe('function true');
});
