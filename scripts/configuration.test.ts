import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { weirVariables } from '@weir/kit';
import { expect, test } from 'vitest';
import { configurationPage } from './configuration/page.ts';
import { declaredSettings } from './configuration/settings.ts';

const root = join(import.meta.dirname, '..');
const declared = new Set(declaredSettings().map(({ variable }) => variable));
/** Read by the command line and the providers, which are no servers; a connector reads one too. */
const ofCommands = ['WEIR_KEY', 'WEIR_URL'];
const known = new Set([...declared, ...ofCommands]);

test('the list of known variables is what is declared, and what tests are given', () => {
  const ofTests = weirVariables.filter((name) => name.startsWith('WEIR_TEST_'));
  expect([...weirVariables].toSorted()).toEqual([...known, ...ofTests].toSorted());
});

test('no source reads a variable that is declared nowhere', () => {
  const rooms = '{kit,registry,router,providers,mcp,standalone,cli,sdk/typescript}/src/**/*.ts';
  const files = globSync(rooms, { cwd: root }).filter((file) => !/\.test\.ts$|\/test/.test(file));
  expect(files.length).toBeGreaterThan(100);
  const strange = files.flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const names = [...text.matchAll(/\bWEIR_[A-Z0-9_]*[A-Z0-9]\b/g)].map(([name]) => name);
    // Some are put together: then a part stands in the source.
    const isKnown = (name: string) =>
      weirVariables.some((known) => known === name || known.startsWith(`${name}_`));
    return names.filter((name) => !isKnown(name)).map((name) => `${file}: ${name}`);
  });
  expect(strange).toEqual([]);
});

test('every setting says what it sets', async () => {
  const page = await configurationPage();
  for (const { variable, doc, unit } of declaredSettings()) {
    expect(doc.length, variable).toBeGreaterThan(10);
    expect(page).toContain(`| \`${variable}\` | ${doc} | ${unit.replaceAll('|', '\\|')} |`);
  }
});

test('the page is as the code is', async () => {
  expect(readFileSync(join(root, 'docs/configuration.md'), 'utf8')).toBe(await configurationPage());
});

test('what compose.yaml and the image set are settings', () => {
  const texts = ['compose.yaml', 'Dockerfile'].map((file) =>
    readFileSync(join(root, file), 'utf8'),
  );
  const names = texts.flatMap((text) => [...text.matchAll(/^\s+(WEIR_[A-Z_]+)[:=]/gm)]);
  expect(names.length).toBeGreaterThan(10);
  for (const [, name] of names) expect(weirVariables).toContain(name);
});

test('a variable that nobody reads ends a process with one sentence', () => {
  const env = { PATH: process.env.PATH, WEIR_PROT: '1' };
  const start = () =>
    execFileSync(process.execPath, [join(root, 'router/src/main.ts')], { env, stdio: 'pipe' });
  expect(start).toThrow(/WEIR_PROT is not a setting; use WEIR_PORT/);
});
