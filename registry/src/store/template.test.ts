import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/pglite';
import { migrate } from 'drizzle-orm/pglite/migrator';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrationsFolder } from './driver.ts';
import { openPglite } from './pglite.ts';
import { fingerprint } from './template.ts';

let folder: string;
let templates: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-template-'));
  templates = join(folder, 'templates');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

type Opened = Awaited<ReturnType<typeof open>>;

const open = (name: string, from = templates) =>
  openPglite({ directory: join(folder, name), templates: from });

/** Adds a row. Returns how many there are. */
async function add(name: string, from = templates): Promise<number> {
  await using driver = await open(name, from);
  await insert(driver);
  return await count(driver);
}

/** There can be one only, so this fails where a copy has it already. The last column is the newest. */
async function insert({ db }: Opened): Promise<void> {
  await db.execute(
    sql`insert into installation (id, epoch, revision, digest, entry_form) values (1, 'x', 0, 0, 2)`,
  );
}

async function count(driver: Opened): Promise<number> {
  return (await driver.query('select * from installation', [])).length;
}

test('databases begin as copies of the first, before anything was written to it', async () => {
  await mkdir(join(templates, ofAnotherVersion), { recursive: true });
  await writeFile(join(templates, ofAnotherVersion, 'PG_VERSION'), '');
  expect(await add('one')).toBe(1);
  const ours = `database-${await fingerprint()}`;
  expect((await readdir(templates)).sort()).toEqual([ofAnotherVersion, ours].sort());

  await writeFile(join(templates, ours, 'mark'), '');
  expect(await add('two')).toBe(1);
  // What they began as shows where they come from.
  expect(await isMarked('one')).toBe(false);
  expect(await isMarked('two')).toBe(true);
  // An old one stays what it is.
  await using again = await open('one');
  expect(await count(again)).toBe(1);
  expect(await isMarked('one')).toBe(false);
});

test('what a start that was killed left half copied is done anew', async () => {
  await mkdir(join(folder, 'killed.new/base'), { recursive: true });
  await writeFile(join(folder, 'killed.new/PG_VERSION'), 'half');
  expect(await add('killed')).toBe(1);
  expect(await readdir(folder)).not.toContain('killed.new');
});

test('a template that lacks a migration is migrated', async () => {
  const older = join(folder, 'older-templates');
  await makeOlder(join(older, `database-${await fingerprint()}`));
  expect(await add('migrated', older)).toBe(1);
});

test('where templates cannot be kept, a database is made without', async () => {
  const noFolder = join(folder, 'no-folder');
  await writeFile(noFolder, '');
  expect(await add('alone', noFolder)).toBe(1);
});

const ofAnotherVersion = 'database-0123456789abcdef';

async function isMarked(name: string): Promise<boolean> {
  return (await readdir(join(folder, name))).includes('mark');
}

/** A database as it was when there was one migration only. */
async function makeOlder(directory: string): Promise<void> {
  const older = join(folder, 'older-migrations');
  await cp(migrationsFolder, older, { recursive: true });
  const journalFile = join(older, 'meta/_journal.json');
  const journal = JSON.parse(await readFile(journalFile, 'utf8')) as { entries: unknown[] };
  await writeFile(
    journalFile,
    JSON.stringify({ ...journal, entries: journal.entries.slice(0, 1) }),
  );
  await mkdir(dirname(directory), { recursive: true });
  await using client = await PGlite.create(directory);
  await migrate(drizzle({ client }), { migrationsFolder: older });
}
