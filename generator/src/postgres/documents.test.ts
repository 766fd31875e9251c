import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openTestProvider, type TestProvider } from '@weir/sdk/testing';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { getConstructionPlans } from 'pg-boss';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeProject } from '../project/write-project.ts';
import type { Model } from './model.ts';
import { openPostgresProvider, type PostgresProvider, readModel } from './open.ts';
import { checkTypes, openProjectFolder, runTests } from './testing/check-project.ts';
import {
  hasDocuments,
  openTestDatabase,
  readScript,
  serverUrl,
  strangeScript,
  type TestDatabase,
} from './testing/test-database.ts';
import { projectFiles } from './typescript/project-files.ts';

/** A schema, what it comes to, and an item of it. */
interface Document {
  readonly name: string;
  readonly isOwn?: boolean;
  script(database: TestDatabase): Promise<readonly string[]>;
  /** Types offered, columns marked, refs that rows can hold, and what is left out. */
  readonly counts: readonly [types: number, marked: number, links: number, leftOut: number];
  readonly item?: readonly [type: string, key: string, value: object];
}

const documents: readonly Document[] = [
  {
    name: 'chinook',
    script: async () => [await readScript('chinook.sql')],
    counts: [11, 17, 11, 0],
    item: ['Album', '1', { artist_id: 1, refs: { artist: 'Artist/1' } }],
  },
  {
    name: 'northwind',
    script: async () => [await readScript('northwind.sql')],
    counts: [14, 17, 13, 0],
    item: ['OrderDetail', '10248/11', { quantity: 12, refs: { product: 'Product/11' } }],
  },
  {
    name: 'pagila',
    script: async () => [
      await readScript('pagila-schema.sql'),
      await readFile(join(import.meta.dirname, 'testing/pagila-rows.sql'), 'utf8'),
    ],
    counts: [17, 12, 19, 8],
    item: [
      'Film',
      '1',
      { rating: 'PG', special_features: ['Deleted Scenes', 'Behind the Scenes'] },
    ],
  },
  {
    name: 'pg-boss, from npm',
    isOwn: true,
    script: async () => [
      getConstructionPlans('pgboss'),
      `insert into pgboss.queue (name, policy, retry_limit, retry_delay, retry_backoff, expire_seconds,
        retention_seconds, deletion_seconds, partition, table_name)
        values ('mail', 'standard', 2, 0, false, 900, 1209600, 604800, false, 'job_common')`,
    ],
    counts: [9, 0, 3, 0],
    item: ['Queue', 'mail', { policy: 'standard', retry_limit: 2 }],
  },
  {
    name: "Weir's own registry",
    isOwn: true,
    script: async () => [await registryScript()],
    counts: [30, 4, 0, 0],
  },
  {
    name: 'strange',
    isOwn: true,
    script: async (database) => [await strangeScript(database)],
    counts: [37, 7, 8, 11],
    item: ['KeyMany', '1/b1/2024-01-02/false', { a: 1, c: '2024-01-02' }],
  },
];

const timeoutMs = 120_000;

describe.skipIf(!serverUrl)('real databases (skipped without WEIR_TEST_DATABASE_URL)', () => {
  describe.each(documents)('$name', (document) => {
    // The documents of others are no part of the repository.
    const isHere = document.isOwn || hasDocuments;
    let database: TestDatabase;
    let opened: PostgresProvider;
    let provider: TestProvider;
    let model: Model;

    beforeAll(async () => {
      if (!isHere) return;
      database = await openTestDatabase();
      for (const script of await document.script(database)) await database.run(script);
      opened = await openPostgresProvider({ url: database.url });
      provider = openTestProvider(opened.provider);
      model = opened.model;
    }, timeoutMs);
    afterAll(async () => {
      await opened?.[Symbol.asyncDispose]();
      await database?.[Symbol.asyncDispose]();
    });

    test.skipIf(!isHere)('comes to so many types, and says what is left out', () => {
      const links = model.tables.flatMap((table) => Object.keys(table.links ?? {}));
      const { tables, marked, leftOut } = model;
      expect([tables.length, marked.length, links.length, leftOut.length]).toEqual(document.counts);
      for (const { reason, mend } of leftOut) expect(reason && mend).toBeTruthy();
    });

    test.skipIf(!isHere)(
      'every row of every list is fetched, and conforms to its schema',
      async () => {
        for (const table of model.tables) {
          const ajv = new Ajv2020({ strict: false, allErrors: true });
          addFormats.default(ajv);
          const validate = ajv.compile(table.jsonSchema);
          const keys = await firstKeys(provider, table.type, 40);
          expect(new Set(keys).size).toBe(keys.length);
          for (const key of keys) {
            const { value } = await provider.fetch(table.type, key);
            const faults = validate(value) ? [] : validate.errors;
            expect(faults, `${table.type}/${key}: ${JSON.stringify(value)}`).toEqual([]);
          }
        }
      },
    );

    test.skipIf(!isHere)('an item is what it should be, with its refs', async () => {
      if (!document.item) return;
      const [type, key, value] = document.item;
      expect((await provider.fetch(type, key)).value).toMatchObject(value);
    });

    test.skipIf(!isHere)(
      'what refs name is there',
      async () => {
        for (const { type, links } of model.tables) {
          if (!links) continue;
          for (const key of await firstKeys(provider, type, 5)) {
            const { value } = await provider.fetch(type, key);
            const { refs } = value as { refs?: Readonly<Record<string, string>> };
            for (const ref of Object.values(typeof refs === 'object' ? refs : {})) {
              const [target = '', ...rest] = ref.split('/');
              expect((await provider.query(target, rest.join('/'))).kind, ref).toBe('content');
            }
          }
        }
      },
      timeoutMs,
    );

    test.skipIf(!isHere)(
      'a project is generated, the same each time, type-checks, and passes its own tests',
      async () => {
        await using folder = await openProjectFolder();
        const options = { name: document.name.replace(/[^a-z]+/gi, '-').toLowerCase() };
        const files = await projectFiles(model, options);
        const again = await projectFiles(await readModel({ url: database.url }), options);
        expect([...again]).toEqual([...files]);
        expect((await writeProject(folder.path, files)).isWritten).toBe(true);
        expect(await checkTypes(folder.path)).toBe('');
        const ran = await runTests(folder.path, database.url);
        expect(ran, ran.output).toMatchObject({
          passed: model.tables.length,
          failed: 0,
          skipped: 0,
        });
        expect([...files.values()].join().includes(new URL(database.url).host)).toBe(false);
      },
      timeoutMs,
    );
  });
});

/** All migrations of the registry, which has no rows before it runs. */
async function registryScript(): Promise<string> {
  const folder = join(import.meta.dirname, '../../../registry/migrations');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  const scripts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return scripts.join('\n');
}

/** The first keys of a type, over several pages. */
async function firstKeys(provider: TestProvider, type: string, most: number): Promise<string[]> {
  const keys: string[] = [];
  for (let pageToken = ''; keys.length < most; ) {
    const page = await provider.list(type, { pageSize: 15, pageToken });
    keys.push(...page.entries.map(({ key }) => key));
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  return keys;
}
