import { Code } from '@weir/sdk';
import { openTestProvider } from '@weir/sdk/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openConformance } from '../testing/conforms.ts';
import { sqlProvider } from './provider.ts';
import {
  emptyAll,
  hasDocuments,
  openPglite,
  openServerDatabase,
  readScript,
  type TestDatabase,
} from './testing.ts';

const everything = `
create type mood as enum ('sad', 'ok', 'happy');
create domain percent as integer check (value between 0 and 100);
create schema audit;
comment on schema audit is 'Who did what.';
create table customer (
  id bigint generated always as identity primary key,
  email text collate "C" not null unique,
  mood mood not null default 'ok',
  moods mood[],
  share percent,
  full_name text generated always as (upper(email)) stored,
  created timestamptz not null default now(),
  constraint email_has_at check (position('@' in email) > 1)
);
comment on table customer is 'Who buys from us.';
comment on column customer.email is 'Where they are written to.';
create table orders (
  id serial,
  region text,
  customer_id bigint references customer (id) on delete cascade on update restrict deferrable,
  note varchar(80),
  total numeric(12,2) not null,
  primary key (region, id)
) partition by list (region);
create table orders_eu partition of orders for values in ('eu');
create index open_orders on orders (customer_id, id desc) include (total) where total > 0;
create index lower_email on customer (lower(email), created desc nulls last);
create table audit.event (id int, customer_id bigint references customer, customer text);
create table audit.customer (id int);
create table "odd.name" ("a ""b" int, "Ünïcode" text);
create view rich as select id, email from customer where id in (select customer_id from orders);
create materialized view sums as select sum(total) as total from orders;
create function plus_one(i int) returns int language sql as 'select i + 1';
create procedure nothing() language sql as 'select 1';
`;

interface Server {
  readonly name: string;
  readonly open: () => Promise<TestDatabase>;
  readonly skip: string | undefined;
}

const serverUrl = process.env.WEIR_TEST_DATABASE_URL;
const servers: readonly Server[] = [
  { name: 'PGlite', open: openPglite, skip: undefined },
  {
    name: 'PostgreSQL',
    open: () => openServerDatabase(serverUrl ?? ''),
    skip: serverUrl ? undefined : 'WEIR_TEST_DATABASE_URL is not set',
  },
];

const open = (database: string, { query }: TestDatabase) =>
  openTestProvider(sqlProvider({ database, query, maxAgeMs: 0 }).provider);
const keysOf = (page: { entries: { key: string }[] }) => page.entries.map(({ key }) => key);
const titleOf = ({ name, skip }: Server) => (skip ? `${name} (skipped: ${skip})` : name);

let conforms: (value: unknown) => void;
beforeAll(async () => {
  conforms = await openConformance('SQLSchema');
});

for (const server of servers) {
  describe.skipIf(server.skip)(titleOf(server), () => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = await server.open();
    });
    beforeEach(() => database.run(emptyAll));
    afterAll(() => database[Symbol.asyncDispose]());

    test('every key that is listed can be fetched and conforms', async () => {
      await database.run(everything);
      const sql = open('shop', database);
      const keys = keysOf(await sql.list('SQLSchema'));
      expect(keys).toEqual([
        'shop',
        'shop."odd.name"',
        'shop.audit.customer',
        'shop.audit.event',
        'shop.customer',
        'shop.orders',
        'shop.rich',
        'shop.sums',
      ]);
      for (const key of keys) conforms((await sql.fetch('SQLSchema', key)).value);
    });

    test('a table tells all of itself', async () => {
      await database.run(everything);
      const sql = open('shop', database);
      const { value, sensitivity, source } = await sql.fetch('SQLSchema', 'shop.customer');
      expect({ sensitivity, source }).toEqual({ sensitivity: undefined, source: 'shop.customer' });
      expect(value).toMatchObject({
        kind: 'table',
        database: 'shop',
        schema: 'public',
        name: 'customer',
        dialect: 'postgresql',
        comment: 'Who buys from us.',
        columns: [
          { name: 'id', type: 'bigint', nullable: false, identity: 'always' },
          {
            name: 'email',
            type: 'text',
            nullable: false,
            collation: 'C',
            comment: 'Where they are written to.',
          },
          { name: 'mood', type: 'mood', nullable: false, default: "'ok'::mood", enum: 'mood' },
          { name: 'moods', type: 'mood[]', nullable: true, enum: 'mood' },
          { name: 'share', type: 'percent', nullable: true },
          { name: 'full_name', type: 'text', nullable: true, generated: 'upper(email)' },
          { name: 'created', type: 'timestamp with time zone', nullable: false, default: 'now()' },
        ],
        primaryKey: { name: 'customer_pkey', columns: ['id'] },
        uniqueKeys: [{ columns: ['email'] }],
        checks: [{ name: 'email_has_at' }],
        referencedBy: [
          { from: { schema: 'audit', table: 'event', columns: ['customer_id'] }, columns: ['id'] },
          { from: { table: 'orders', columns: ['customer_id'] }, columns: ['id'] },
        ],
        enums: [{ schema: 'public', name: 'mood', values: ['sad', 'ok', 'happy'] }],
      });
      expect('indexes' in value && value.indexes).toContainEqual(
        expect.objectContaining({
          name: 'lower_email',
          unique: false,
          method: 'btree',
          columns: [
            { expression: 'lower(email)' },
            { expression: 'created', order: 'desc', nulls: 'last' },
          ],
        }),
      );
    });

    test('partitions are told of by their table, foreign keys by what they do', async () => {
      await database.run(everything);
      const sql = open('shop', database);
      const { value } = await sql.fetch('SQLSchema', 'shop.orders');
      expect(value).toMatchObject({
        kind: 'partitioned-table',
        partitioning: 'LIST (region)',
        columns: expect.arrayContaining([
          expect.objectContaining({ name: 'id', type: 'integer', identity: 'by-default' }),
          expect.objectContaining({ name: 'total', type: 'numeric(12,2)' }),
        ]),
        primaryKey: { columns: ['region', 'id'] },
        foreignKeys: [
          {
            columns: ['customer_id'],
            references: { table: 'customer', columns: ['id'] },
            onDelete: 'cascade',
            onUpdate: 'restrict',
            deferrable: true,
          },
        ],
        indexes: expect.arrayContaining([
          expect.objectContaining({
            name: 'open_orders',
            columns: [{ expression: 'customer_id' }, { expression: 'id', order: 'desc' }],
            include: ['total'],
          }),
        ]),
      });
      expect(await sql.query('SQLSchema', 'shop.orders_eu')).toEqual({ kind: 'not-found' });
    });

    test('views show their query, and the whole shows what lies beside the tables', async () => {
      await database.run(everything);
      const sql = open('shop', database);
      const view = await sql.fetch('SQLSchema', 'shop.rich');
      expect(view.value).toMatchObject({
        kind: 'view',
        definition: expect.stringContaining('SELECT'),
      });
      const whole = await sql.fetch('SQLSchema', 'shop');
      expect(whole.value).toMatchObject({
        kind: 'database',
        name: 'shop',
        dialect: 'postgresql',
        dialectVersion: expect.stringMatching(/^\d+/),
        defaultSchema: 'public',
        schemas: [{ name: 'audit', comment: 'Who did what.' }, { name: 'public' }],
        enums: [{ name: 'mood' }],
        routines: [
          { kind: 'procedure', name: 'nothing' },
          {
            kind: 'function',
            name: 'plus_one',
            arguments: 'i integer',
            returns: 'integer',
            language: 'sql',
          },
        ],
      });
    });

    test('keys are names, and never become SQL', async () => {
      await database.run(everything);
      const sql = open('shop', database);
      const inFull = await sql.fetch('SQLSchema', 'shop.public.customer');
      expect(inFull.value).toEqual((await sql.fetch('SQLSchema', 'shop.customer')).value);
      for (const key of [
        'shop.',
        'shop.none',
        'shop.odd.name',
        'shopping',
        'other.customer',
        'customer',
        "shop.customer'; drop table customer; --",
        'shop.pg_catalog.pg_class',
        'shop.pg_class',
        'shop.information_schema.tables',
      ]) {
        expect(await sql.query('SQLSchema', key), key).toEqual({ kind: 'not-found' });
      }
      expect(await sql.query('SQLSchema', 'shop.customer')).toMatchObject({ kind: 'content' });
    });

    test('a change of the schema changes the etag; none, none', async () => {
      await database.run(everything);
      const sql = open('shop', database);
      const { etag: knownEtag } = await sql.fetch('SQLSchema', 'shop.customer');
      expect(await sql.query('SQLSchema', 'shop.customer', { knownEtag })).toMatchObject({
        kind: 'not-modified',
      });
      await database.run('alter table customer add column age int');
      expect(await sql.query('SQLSchema', 'shop.customer', { knownEtag })).toMatchObject({
        kind: 'content',
      });
    });

    test('tables are found by names and comments', async () => {
      await database.run(everything);
      const sql = open('shop', database);
      const page = await sql.list('SQLSchema', { text: 'who buys', pageSize: 1 });
      expect(page.entries[0]).toMatchObject({
        key: 'shop.customer',
        summary: expect.stringContaining('email'),
      });
      expect(keysOf(await sql.list('SQLSchema', { text: 'customers of events' }))[0]).toBe(
        'shop.audit.event',
      );
      expect(keysOf(await sql.list('SQLSchema', { keyPrefix: 'shop.audit.' }))).toEqual([
        'shop.audit.customer',
        'shop.audit.event',
      ]);
    });

    test('an empty database has no tables', async () => {
      const { value } = await open('void', database).fetch('SQLSchema', 'void');
      conforms(value);
      expect(value).toMatchObject({ kind: 'database', tables: [] });
    });

    const scripts = [
      { script: 'chinook.sql', tables: 11, sample: 'playlist_track' },
      { script: 'northwind.sql', tables: 14, sample: 'order_details' },
      { script: 'pagila-schema.sql', tables: 24, sample: 'film_list' },
    ];
    test.skipIf(!hasDocuments).each(scripts)(
      hasDocuments ? 'describes $script' : 'describes $script (skipped: it is not there)',
      async ({ script, tables, sample }) => {
        await database.run(await readScript(script));
        const sql = open('db', database);
        const whole = await sql.fetch('SQLSchema', 'db');
        conforms(whole.value);
        expect('tables' in whole.value && whole.value.tables.length).toBe(tables);
        const keys = keysOf(await sql.list('SQLSchema', { pageSize: 500 }));
        expect(keys).toHaveLength(tables + 1);
        expect(keys).toContain(`db.${sample}`);
        for (const key of keys) conforms((await sql.fetch('SQLSchema', key)).value);
      },
    );
  });
}

describe('by URL', () => {
  test.skipIf(!serverUrl)(
    serverUrl
      ? 'reads only, under the name of the database'
      : 'skipped: WEIR_TEST_DATABASE_URL is not set',
    async () => {
      await using database = await openServerDatabase(serverUrl ?? '');
      await database.run(everything);
      const { url = '' } = database;
      await using ready = sqlProvider({ url });
      const sql = openTestProvider(ready.provider);
      const name = new URL(url).pathname.slice(1);
      expect((await sql.fetch('SQLSchema', `${name}.customer`)).value).toMatchObject({
        database: name,
      });
    },
  );

  test('a server that is down is said without its address', async () => {
    await using ready = sqlProvider({ url: 'postgres://ada:hush@127.0.0.1:1/books' });
    const outcome = await openTestProvider(ready.provider).query('SQLSchema', 'books');
    expect(outcome).toEqual({
      kind: 'failure',
      code: Code.Unavailable,
      text: 'the database could not be read (ECONNREFUSED)',
      retryDelayMs: 5_000,
    });
  });

  test.each(['mysql://host/db', 'not a url', ''])('%j is refused', (url) => {
    expect(() => sqlProvider({ url })).toThrow(/is not like postgres:/);
  });

  test('either a query or a URL, not both and not none', () => {
    expect(() => sqlProvider({ database: 'x' })).toThrow(/either query or url/);
    expect(() => sqlProvider({ query: async () => [] })).toThrow(/not a name for keys/);
  });
});

test('queries of one batch, and of one second, share one reading', async () => {
  await using database = await openPglite();
  await database.run(everything);
  let statements = 0;
  const query: TestDatabase['query'] = (sql, params) => {
    statements += 1;
    return database.query(sql, params);
  };
  const { client } = openTestProvider(
    sqlProvider({ database: 'shop', query, maxAgeMs: 60_000 }).provider,
  );
  const queries = ['shop', 'shop.customer', 'shop.none'].map((key) => ({
    type: 'SQLSchema',
    typeVersion: '1.0.0',
    key,
    knownEtag: '',
  }));
  for (let round = 0; round < 3; round += 1) for await (const _ of client.fetch({ queries }));
  expect(statements).toBe(7);
});
