import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  hasDocuments,
  openTestDatabase,
  readOwnScript,
  readScript,
  serverUrl,
  strangeScript,
  type TestDatabase,
  userPassword,
} from '@weir/generator/testing/postgres';
import { checkTypes, openProjectFolder } from '@weir/generator/testing/project';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { said, stop } from './processes.ts';
import { runWeir } from './run-weir.ts';

const bin = join(import.meta.dirname, '..', 'bin', 'weir.js');
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('WEIR_')),
);
const timeoutMs = 120_000;

interface Document {
  readonly name: string;
  readonly isOwn?: boolean;
  /** Of types, since databases have tables of one name. */
  readonly prefix: string;
  script(database: TestDatabase): Promise<readonly string[]>;
  readonly refs: readonly string[];
}

const documents: readonly Document[] = [
  {
    name: 'chinook',
    prefix: 'Chinook',
    script: async () => [await readScript('chinook.sql')],
    refs: ['ChinookArtist/1', 'ChinookPlaylistTrack/1/3402'],
  },
  {
    name: 'northwind',
    prefix: 'Northwind',
    script: async () => [await readScript('northwind.sql')],
    refs: ['NorthwindCustomer/ALFKI', 'NorthwindOrderDetail/10248/11'],
  },
  {
    name: 'pagila',
    prefix: 'Pagila',
    script: async () => [
      await readScript('pagila-schema.sql'),
      await readOwnScript('pagila-rows.sql'),
    ],
    refs: ['PagilaFilm/1', 'PagilaPayment/2022-05-24T23:00:00Z/1', 'PagilaRentalByCategory/Action'],
  },
  {
    name: 'strange',
    prefix: 'Strange',
    isOwn: true,
    script: async (database) => [await strangeScript(database)],
    refs: [
      'StrangeKeyText/a%2Fb',
      'StrangeKeyText/%2E%2E',
      'StrangeKeyText/e%CC%81',
      'StrangeKeyText/😀',
      'StrangeEveryType/1',
      'StrangeWide/1',
    ],
  },
];

let folder: string;
let server: ChildProcess;
let url: string;

// The whole of Weir, as users start it, with its data in a new folder.
beforeAll(async () => {
  if (!serverUrl) return;
  folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
  const args = ['start', '--port', '0', '--data', '.weir'];
  server = start(args, { WEIR_OPS_PORT: '0', WEIR_SIGN_IN_PORT: '0' });
  [url = ''] = await said(server, /http:\/\/127\.0\.0\.1:\d+(?=[\s\S]*try)/);
}, timeoutMs);
afterAll(async () => {
  if (server) await stop(server);
  if (folder) await rm(folder, { recursive: true, force: true });
});

function start(args: readonly string[], more: NodeJS.ProcessEnv, cwd = folder): ChildProcess {
  const program = args[0]?.endsWith('.ts') ? args : [bin, ...args];
  return spawn(process.execPath, program, { cwd, env: { ...env, ...more }, stdio: 'pipe' });
}

const weir = (...args: string[]) =>
  runWeir(args, { env: { ...env, WEIR_URL: url, WEIR_KEY: undefined }, cwd: folder });

const keyOf = async () => (await readFile(join(folder, '.weir', 'admin.key'), 'utf8')).trim();

/** Calls as a principal, with a key of its own. */
async function asPrincipal(principal: string) {
  const made = await weir('key', 'create', '--principal', principal, '--scope', 'read', '--json');
  const { secret } = JSON.parse(made.out);
  return (...args: string[]) =>
    runWeir(args, { env: { ...env, WEIR_URL: url, WEIR_KEY: secret }, cwd: folder });
}

/** A user of a database who may only read what it is granted. */
async function openReader(database: TestDatabase) {
  const name = `${database.name}_reader`;
  await database.run(`create role ${name} login password '${userPassword}'`);
  return {
    name,
    url: database.as(name),
    [Symbol.asyncDispose]: () => database.run(`drop owned by ${name}; drop role ${name}`),
  };
}

const optionsOf = ({ name, prefix }: Document) => ['--name', name, '--type-prefix', prefix];

describe.skipIf(!serverUrl)(
  'a database behind Weir (skipped without WEIR_TEST_DATABASE_URL)',
  () => {
    describe.each(documents)('$name', (document) => {
      // The documents of others are no part of the repository.
      const isHere = document.isOwn || hasDocuments;
      let database: TestDatabase;

      beforeAll(async () => {
        if (!isHere) return;
        database = await openTestDatabase();
        for (const script of await document.script(database)) await database.run(script);
      }, timeoutMs);
      afterAll(() => database?.[Symbol.asyncDispose]());

      test.skipIf(!isHere)(
        'is served, registered, listed and fetched',
        async () => {
          const serving = start(['provider', 'serve', 'postgres', ...optionsOf(document)], {
            DATABASE_URL: database.url,
            WEIR_URL: url,
          });
          try {
            await said(serving, /serving /);
            const got = JSON.parse((await weir('provider', 'get', document.name, '--json')).out);
            const { contexts } = got.provider.manifest;
            expect(contexts.length).toBeGreaterThan(10);
            for (const { type } of contexts.slice(0, 12)) {
              const listed = await weir('list', type, '--json', '--provider', document.name);
              expect(listed, type).toMatchObject({ code: 0, err: '' });
            }
            const fetched = await weir('fetch', ...document.refs);
            expect(fetched.out).toContain(`${document.refs.length} items in `);
            expect(fetched.code).toBe(0);
          } finally {
            await stop(serving);
          }
        },
        timeoutMs,
      );

      test.skipIf(!isHere)(
        'is generated, type-checks, starts, and answers; what was edited stays',
        async () => {
          await using project = await openProjectFolder();
          const name = `${document.name}-project`;
          const options = optionsOf({ ...document, name });
          const args = [database.url, '--out', project.path, ...options];
          const generate = () => weir('provider', 'generate', 'postgres', ...args);
          expect(await generate()).toMatchObject({ code: 0 });
          expect(await checkTypes(project.path)).toBe('');
          const policy = await weir('policy', 'check', join(project.path, 'policy.yaml'));
          expect(policy).toMatchObject({ code: 0 });

          const readme = join(project.path, 'README.md');
          await writeFile(readme, `${await readFile(readme, 'utf8')}\nOurs.\n`);
          const again = await generate();
          expect(again.out).toContain('kept README.md\n');
          expect(await readFile(readme, 'utf8')).toMatch(/\nOurs\.\n$/);

          const variables = { DATABASE_URL: database.url, WEIR_URL: url, WEIR_KEY: await keyOf() };
          const running = start(['src/main.ts'], variables, project.path);
          try {
            await said(running, /serving at/);
            const [type = ''] = document.refs[0]?.split('/') ?? [];
            const listed = await weir('list', type, '--json', '--provider', name);
            expect(JSON.parse(listed.out).entries.length).toBeGreaterThan(0);
            const fetched = await weir('fetch', ...document.refs, '--provider', name);
            expect(fetched).toMatchObject({ code: 0 });
            expect(fetched.out).toContain(`${name}@1.0.0`);
          } finally {
            await stop(running);
          }
        },
        timeoutMs,
      );
    });

    test(
      'row-level security decides for each caller, and the suggested policy hides fields',
      async () => {
        await using database = await openTestDatabase();
        await using reader = await openReader(database);
        await database.run(`
          create table memo (id integer primary key, owner text, title text, email text);
          insert into memo values (1, 'ann', 'of Ann', 'ann@example.org'), (2, 'bob', 'of Bob', 'bob@example.org');
          alter table memo enable row level security;
          create policy own on memo using (owner = current_setting('weir.principal'));
          grant select on memo to ${reader.name};`);
        const [ann, bob] = [await asPrincipal('ann'), await asPrincipal('bob')];
        const args = ['--name', 'memos', '--tell-caller'];
        const out = join(folder, 'memos');
        const generate = ['provider', 'generate', 'postgres', reader.url, '--out', out, ...args];
        expect(await weir(...generate)).toMatchObject({ code: 0, err: '' });
        const variables = { DATABASE_URL: reader.url, WEIR_URL: url };
        const serving = start(['provider', 'serve', 'postgres', ...args], variables);
        try {
          await said(serving, /serving /);
          expect((await ann('fetch', 'Memo/1')).out).toContain('ann@example.org');
          expect(await ann('fetch', 'Memo/2')).toMatchObject({ code: 1 });
          expect((await bob('fetch', 'Memo/2')).out).toContain('of Bob');
          expect(await bob('fetch', 'Memo/1')).toMatchObject({ code: 1 });
          expect((await bob('list', 'Memo')).out).not.toContain('of Ann');

          const put = await weir('policy', 'put', join(out, 'policy.yaml'), '-m', 'as suggested');
          expect(put).toMatchObject({ code: 0 });
          const hidden = async () => (await ann('fetch', 'Memo/1')).out;
          await expect.poll(hidden, { timeout: 10_000 }).not.toContain('ann@example.org');
          expect(await hidden()).toContain('of Ann');
        } finally {
          await stop(serving);
        }
      },
      timeoutMs,
    );

    test('says what is wrong, and what to do', async () => {
      const none = await weir('provider', 'serve', 'postgres');
      expect(none).toMatchObject({ code: 2 });
      expect(none.err).toContain('set DATABASE_URL');
      const away = 'postgres://user:hunter2@127.0.0.1:1/none';
      const failed = await weir(
        'provider',
        'generate',
        'postgres',
        away,
        '--out',
        join(folder, 'no'),
      );
      expect(failed.err).toContain('ECONNREFUSED');
      expect(failed.err).not.toContain('hunter2');
      expect(failed.err).not.toContain('fault of weir itself');
      const bad = await weir('provider', 'serve', 'postgres', 'mysql://x', '--attribute', 'role');
      expect(bad.err).toContain('--attribute needs --tell-caller');
    });
  },
);
