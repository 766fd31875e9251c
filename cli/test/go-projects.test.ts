import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateOpenApi, openPostgresProvider } from '@weir/generator';
import {
  apiDocument,
  type ExampleApi,
  hasApiDocuments,
  openExampleApi,
} from '@weir/generator/testing/api';
import { type GoWorkspace, noGo, openGoWorkspace, runtimes } from '@weir/generator/testing/go';
import {
  hasDocuments,
  openTestDatabase,
  readScript,
  serverUrl,
} from '@weir/generator/testing/postgres';
import { openTestProvider } from '@weir/sdk/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { said, stop } from './processes.ts';
import { runWeir } from './run-weir.ts';

const bin = join(import.meta.dirname, '..', 'bin', 'weir.js');
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('WEIR_')),
);
// Compilers take long on a busy machine, the first time above all.
const timeoutMs = 300_000;

interface ApiProject {
  readonly file: string;
  readonly name: string;
  readonly prefix: string;
  /** Types offered, and how many of them can be listed. */
  readonly counts: readonly [contexts: number, lists: number];
}

const apis: readonly ApiProject[] = [
  { file: 'box.json', name: 'go-box', prefix: 'GoBox', counts: [55, 18] },
  { file: 'figma.yaml', name: 'go-figma', prefix: 'GoFigma', counts: [15, 1] },
  { file: 'adyen-checkout.json', name: 'go-adyen', prefix: 'GoAdyen', counts: [1, 0] },
  { file: 'twilio-verify-v2.json', name: 'go-twilio', prefix: 'GoTwilio', counts: [13, 9] },
];

interface DatabaseProject {
  readonly name: string;
  readonly file: string;
  readonly prefix: string;
  /** What is fetched, and what is in it. */
  readonly items: readonly (readonly [ref: string, holds: object])[];
}

const databases: readonly DatabaseProject[] = [
  {
    name: 'go-chinook',
    file: 'chinook.sql',
    prefix: 'GoChinook',
    items: [
      ['GoChinookAlbum/1', { artist_id: 1, refs: { artist: 'GoChinookArtist/1' } }],
      ['GoChinookPlaylistTrack/1/3402', { playlist_id: 1, track_id: 3402 }],
    ],
  },
  {
    name: 'go-northwind',
    file: 'northwind.sql',
    prefix: 'GoNorthwind',
    items: [
      ['GoNorthwindCustomer/ALFKI', { customer_id: 'ALFKI', company_name: 'Alfreds Futterkiste' }],
      ['GoNorthwindOrderDetail/10248/11', { quantity: 12, unit_price: 14 }],
    ],
  },
];

let folder: string;
let server: ChildProcess;
let url: string;
let workspace: GoWorkspace;

// The whole of Weir, as users start it, with its data in a new folder.
beforeAll(async () => {
  if (noGo) return;
  workspace = await openGoWorkspace();
  folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
  server = spawn(process.execPath, [bin, 'start', '--port', '0', '--data', '.weir'], {
    cwd: folder,
    env: { ...env, WEIR_OPS_PORT: '0', WEIR_SIGN_IN_PORT: '0' },
    stdio: 'pipe',
  });
  [url = ''] = await said(server, /http:\/\/127\.0\.0\.1:\d+(?=[\s\S]*try)/);
}, timeoutMs);
afterAll(async () => {
  if (server) await stop(server);
  if (folder) await rm(folder, { recursive: true, force: true });
  await workspace?.[Symbol.asyncDispose]();
});

const weir = (...args: string[]) =>
  runWeir(args, { env: { ...env, WEIR_URL: url, WEIR_KEY: undefined }, cwd: folder });

/** What the project is, as its compiler and its own test see it; then its program. */
async function built(name: string, more: NodeJS.ProcessEnv = {}): Promise<string> {
  const modules = { GO111MODULE: 'on', GOFLAGS: '-mod=mod', GOPROXY: 'off' };
  const steps: readonly (readonly [command: readonly string[], env?: NodeJS.ProcessEnv])[] = [
    [['go', 'mod', 'edit', '-json'], modules],
    [['go', 'vet', './...']],
    [['go', 'test', './...'], more],
    [['go', 'build', '-o', 'program', '.']],
  ];
  expect(await workspace.run(name, ['gofmt', '-l', '.'])).toEqual({ status: 0, output: '' });
  for (const [command, variables] of steps) {
    const ran = await workspace.run(name, command, variables);
    expect(ran, `${command.join(' ')}: ${ran.output}`).toMatchObject({ status: 0 });
  }
  return join(workspace.folderOf(name), 'program');
}

async function testRuntime(name: string, more: NodeJS.ProcessEnv = {}): Promise<void> {
  expect(await workspace.run(name, ['gofmt', '-l', '.'])).toEqual({ status: 0, output: '' });
  const ran = await workspace.run(name, ['go', 'test', '-count=1', '-v', '.'], more);
  expect(ran, ran.output).toMatchObject({ status: 0 });
  expect(ran.output).toMatch(/^--- PASS/m);
  expect(ran.output).not.toMatch(/^--- SKIP/m);
}

/** Runs a program against Weir until it has registered. */
async function started(program: string, more: NodeJS.ProcessEnv): Promise<AsyncDisposable> {
  const key = (await readFile(join(folder, '.weir', 'admin.key'), 'utf8')).trim();
  const running = spawn(program, [], {
    env: { ...env, ...more, WEIR_URL: url, WEIR_KEY: key },
    stdio: 'pipe',
  });
  await said(running, /registered/);
  return { [Symbol.asyncDispose]: async () => void (await stop(running)) };
}

async function fetched(ref: string, provider: string): Promise<unknown> {
  const ran = await weir('fetch', ref, '--provider', provider, '--raw');
  expect(ran, `${ref}: ${ran.err}`).toMatchObject({ code: 0 });
  return JSON.parse(ran.out);
}

async function keysOf(type: string, provider: string, ...more: string[]): Promise<string[]> {
  const ran = await weir('list', type, '--provider', provider, '--json', ...more);
  expect(ran, `${type}: ${ran.err}`).toMatchObject({ code: 0 });
  return JSON.parse(ran.out).entries.map(({ ref }: { ref: { key: string } }) => ref.key);
}

async function contentsOf(path: string): Promise<Record<string, string>> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const texts = files
    .sort()
    .map(async (file) => [file.slice(path.length), await readFile(file, 'utf8')]);
  return Object.fromEntries(await Promise.all(texts));
}

describe.skipIf(noGo)(`projects in Go ${noGo ?? ''}`, () => {
  test(
    'the runtime for APIs passes its tests',
    async () => {
      await workspace.copy(runtimes.openapi, 'runtime/openapi');
      await testRuntime('runtime/openapi');
    },
    timeoutMs,
  );

  test.skipIf(!serverUrl)(
    'the runtime for databases passes its tests (skipped without WEIR_TEST_DATABASE_URL)',
    async () => {
      await using database = await openTestDatabase();
      await database.run(await readFile(join(runtimes.postgres, 'testdata/notes.sql'), 'utf8'));
      await workspace.copy(runtimes.postgres, 'runtime/postgres');
      await testRuntime('runtime/postgres', { DATABASE_URL: database.url });
    },
    timeoutMs,
  );

  describe.skipIf(!hasApiDocuments)('of documents of OpenAPI (skipped without them)', () => {
    test.each(apis)(
      '$file is generated, compiles, passes its test, starts and answers',
      async ({ file, name, prefix, counts }) => {
        const project = workspace.folderOf(name);
        const args = [apiDocument(file), '--name', name, '--type-prefix', prefix, '--lang', 'go'];
        const generated = await weir('provider', 'generate', 'openapi', ...args, '--out', project);
        expect(generated).toMatchObject({ code: 0 });
        const again = join(folder, name);
        const { model } = await generateOpenApi({
          location: apiDocument(file),
          out: again,
          name,
          typePrefix: prefix,
          lang: 'go',
          sdk: '0.1.0',
          signal: AbortSignal.timeout(timeoutMs),
        });
        expect(await contentsOf(again)).toEqual(await contentsOf(project));
        expect([model.counts.contexts, model.counts.lists]).toEqual(counts);
        const program = await built(name);

        await using api: ExampleApi = await openExampleApi(model);
        const secrets = Object.values(model.credentials)
          .filter(({ kind }) => kind !== 'clientCredentials')
          .map(({ secret }) => [variableOf(secret), 'user:not-a-secret']);
        await using _running = await started(program, {
          ...Object.fromEntries(secrets),
          API_BASE_URL: api.url,
          WEIR_OUTBOUND_ALLOW: 'loopback',
        });
        const tried = model.contexts.filter(({ example }) => example).slice(0, 5);
        expect(tried.length).toBeGreaterThan(0);
        for (const { type, example } of tried) {
          expect(await fetched(`${type}/${example?.key}`, name)).toEqual(example?.body);
        }
        for (const { type, list, example } of model.contexts) {
          if (!list || !example) continue;
          const prefixed = list.spec.parents.length > 0 ? ['--prefix', parentsOf(example.key)] : [];
          expect(await keysOf(type, name, ...prefixed)).toEqual([example.key]);
        }
      },
      timeoutMs,
    );
  });

  describe.skipIf(!serverUrl || !hasDocuments)(
    'of databases (skipped without WEIR_TEST_DATABASE_URL, or without their schemas)',
    () => {
      test.each(databases)(
        '$file is generated, compiles, passes its test, starts and answers; what was edited stays',
        async ({ file, name, prefix, items }) => {
          await using database = await openTestDatabase();
          await database.run(await readScript(file));
          const project = workspace.folderOf(name);
          const args = ['--name', name, '--type-prefix', prefix, '--lang', 'go', '--out', project];
          const generate = () => weir('provider', 'generate', 'postgres', database.url, ...args);
          expect(await generate()).toMatchObject({ code: 0 });
          const program = await built(name, { DATABASE_URL: database.url });

          await using _running = await started(program, { DATABASE_URL: database.url });
          for (const [ref, holds] of items) {
            expect(await fetched(ref, name)).toMatchObject(holds);
            const type = ref.slice(0, ref.indexOf('/'));
            expect((await keysOf(type, name)).length).toBeGreaterThan(10);
          }
          await using same = await openPostgresProvider({ url: database.url, typePrefix: prefix });
          const reference = openTestProvider(same.provider);
          for (const { type } of same.model.tables) {
            const { entries } = await reference.list(type, { pageSize: 3 });
            const keys = entries.map(({ key }) => key);
            expect(await keysOf(type, name, '--limit', '3')).toEqual(keys);
            for (const key of keys) {
              const { value } = await reference.fetch(type, key);
              expect(await fetched(`${type}/${key}`, name)).toEqual(value);
            }
          }

          const edited = join(project, 'provider.go');
          const text = await readFile(edited, 'utf8');
          await writeFile(edited, text.replace('"postgresql"', '"postgresql", "ours"'));
          expect((await generate()).out).toContain('kept provider.go\n');
          expect(await readFile(edited, 'utf8')).toContain('"ours"');
        },
        timeoutMs,
      );
    },
  );
});

/** The variable that holds the secret of a reference, as the README of a project says it. */
function variableOf(reference: string): string {
  return reference
    .replace('secret://', '')
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_');
}

/** All but the last part of a key. */
function parentsOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1);
}
