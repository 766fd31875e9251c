import { openTestProvider } from '@weir/sdk/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPostgresProvider, readModel } from './open.ts';
import { openTestDatabase, serverUrl, type TestDatabase } from './testing/test-database.ts';
import { projectFiles } from './typescript/project-files.ts';

const timeoutMs = 120_000;

let database: TestDatabase;

/** Each refers to the one before, and the last hundred lie in a schema of their own. */
const tables = `create schema late;
do $$ begin for n in 1..1000 loop
  execute format(
    'create table %I.%I (id integer primary key, name text, before integer references %I.%I)',
    case when n > 900 then 'late' else 'public' end, 'thing_' || n,
    case when n > 901 then 'late' else 'public' end, 'thing_' || greatest(n - 1, 1));
  if n % 100 = 0 then commit; end if;
end loop; end $$;`;

beforeAll(async () => {
  if (!serverUrl) return;
  database = await openTestDatabase();
  const [schema = '', ...loop] = tables.split('\n');
  await database.run(schema);
  await database.run(loop.join('\n'));
  await database.run("insert into late.thing_1000 (id, name) values (1, 'last')");
}, timeoutMs);
afterAll(() => database?.[Symbol.asyncDispose](), timeoutMs);

describe.skipIf(!serverUrl)('1,000 tables (skipped without WEIR_TEST_DATABASE_URL)', () => {
  test(
    'are read and generated, but are more than one provider offers',
    async () => {
      const model = await readModel({ url: database.url });
      expect(model.tables).toHaveLength(1_000);
      expect(model.tables.flatMap(({ links = {} }) => Object.keys(links))).toHaveLength(1_000);
      const files = await projectFiles(model, { name: 'many' });
      expect(files.size).toBeGreaterThan(1_000);
      await expect(openPostgresProvider({ url: database.url })).rejects.toThrow(
        /has 1000 tables and views to offer.*at most 256.*--schema or --include/,
      );
    },
    timeoutMs,
  );

  test(
    'are offered in parts, by schema or by name',
    async () => {
      const { url } = database;
      await using late = await openPostgresProvider({ url, schemas: ['late'] });
      expect(late.model.tables).toHaveLength(100);
      const include = (name: string) => /^public\.thing_1\d\d$/.test(name);
      await using some = await openPostgresProvider({ url, include });
      expect(some.model.tables).toHaveLength(100);
      const { value } = await openTestProvider(late.provider).fetch('Thing1000', '1');
      expect(value).toEqual({ id: 1, name: 'last', before: null, refs: {} });
    },
    timeoutMs,
  );
});
