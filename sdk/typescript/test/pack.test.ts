import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const packageDir = join(import.meta.dirname, '..');
const require = createRequire(import.meta.url);
/** The version that most people have, and the newest. */
const compilers = { nodenext: packageRoot('typescript'), bundler: packageRoot('ts7') };

const program = `
import { Code, formatRef, ItemRefused, Reason, type DocChunk } from '@weir/sdk';
import { defineContext, defineProvider, manifestOf, serveProvider } from '@weir/sdk/provider';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { openTestProvider, openTestWeir } from '@weir/sdk/testing';

declare module '@weir/sdk' {
  interface ContextTypes {
    Bug: { readonly id: string; readonly title: string };
  }
}

const tickets = defineContext({
  type: 'Bug',
  version: '1.0.0',
  fetch: ({ key }) => (key === '1' ? { value: { id: key, title: 'It works' } } : undefined),
});
const provider = defineProvider({ name: 'tickets', version: '1.0.0', contexts: [tickets] });
// @ts-expect-error: the declared type of a Bug holds here
defineContext({ type: 'Bug', version: '1.0.0', fetch: () => ({ value: { id: 1 } }) });

const weir = openTestWeir({ providers: [provider] });
const ticket = await weir.get('Bug', '1');
const title: string = ticket.value.title;
const refusal = await weir.get('Bug', '2').catch((error: unknown) => error);
const isRefused = refusal instanceof ItemRefused && refusal.refusal.code === Code.NotFound;
const same = await openTestProvider(provider).fetch('Bug', '1');
const chunk: DocChunk | undefined = undefined;
console.log(title, isRefused, same.value.title, formatRef({ type: 'Bug', key: '1' }), chunk);
console.log(manifestOf(provider).name, Reason.KEY_NOT_FOUND, typeof serveProvider);
console.log(RouterService.typeName);
`;

const compilerOptions = { strict: true, target: 'es2022', types: [] };

let project: string;

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'weir-sdk-'));
  const packed = await run('npm', ['pack', '--json', '--pack-destination', project], {
    cwd: packageDir,
  });
  const [{ filename }] = JSON.parse(packed.stdout);
  const { dependencies } = JSON.parse(await readFile(join(packageDir, 'package.json'), 'utf8'));
  // The dependencies that the package declares, and no others, from what is already here.
  const declared = Object.keys(dependencies).map(packageRoot);
  await writeFile(join(project, 'package.json'), '{ "type": "module", "private": true }');
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts'];
  const offline = ['--offline', '--install-links'];
  const archive = join(project, filename);
  await run('npm', ['install', ...quiet, ...offline, archive, ...declared], { cwd: project });
  await mkdir(join(project, 'src'));
  await writeFile(join(project, 'src/main.ts'), program);
  // The quick start is run against a real Weir, with sdk/conformance.
  const readme = (await readFile(join(packageDir, 'README.md'), 'utf8')).replaceAll(
    /^<!-- quickstart: \w+ -->\n```ts\n.*?^```/gms,
    '',
  );
  for (const [index, [, code = '']] of [...readme.matchAll(/^```ts\n(.*?)^```/gms)].entries()) {
    await writeFile(join(project, `src/readme-${index + 1}.ts`), code);
  }
}, 120_000);

afterAll(() => rm(project, { recursive: true, force: true }));

function packageRoot(name: string): string {
  const below = require.resolve.paths(name) ?? [];
  const found = below.map((dir) => join(dir, name)).find((dir) => existsSync(dir));
  if (found === undefined) throw new Error(`${name} is not installed`);
  return found;
}

async function check(moduleResolution: 'nodenext' | 'bundler', more: object): Promise<void> {
  const options = { ...compilerOptions, moduleResolution, ...more };
  const config = { compilerOptions: options, include: ['src'] };
  const file = `tsconfig.${moduleResolution}.json`;
  await writeFile(join(project, file), JSON.stringify(config));
  const compiler = join(compilers[moduleResolution], 'bin/tsc');
  await run(process.execPath, [compiler, '-p', file], { cwd: project }).catch((error) => {
    throw new Error(error.stdout);
  });
}

test('the archive type-checks and runs in an empty project', { timeout: 60_000 }, async () => {
  await check('nodenext', { module: 'nodenext', rootDir: 'src', outDir: 'out' });
  const { stdout } = await run(process.execPath, ['out/main.js'], { cwd: project });
  expect(stdout).toBe(
    'It works true It works Bug/1 undefined\ntickets 34 function\nweir.router.v1.RouterService\n',
  );
});

test('what the README shows does what it says', async () => {
  const { stdout } = await run(process.execPath, ['out/readme-4.js'], { cwd: project });
  expect(stdout).toBe("{ text: 'Hello Ann' }\nnot-found\n{ text: 'Hello Bob' }\nBob 1\n");
});

test('the archive type-checks for bundlers too', { timeout: 60_000 }, async () => {
  await check('bundler', { module: 'esnext', noEmit: true });
});
