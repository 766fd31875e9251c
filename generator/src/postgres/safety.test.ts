import { Code } from '@weir/sdk';
import { openTestProvider } from '@weir/sdk/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPostgresProvider, type PostgresOptions, readModel } from './open.ts';
import type { DatabaseFault } from './runtime/database.ts';
import {
  openTestDatabase,
  serverUrl,
  type TestDatabase,
  userPassword,
} from './testing/test-database.ts';

let database: TestDatabase;
/** Users belong to the whole server, so their names are of this database alone. */
let reader: string;
let owner: string;

const schema = `
create table note (id integer primary key, tenant text not null, owner text not null, title text);
insert into note values (1, 'acme', 'ann', 'of Ann'), (2, 'acme', 'bob', 'of Bob'), (3, 'other', 'ann', 'of another');
alter table note enable row level security;
create policy own on note using (
  tenant = current_setting('weir.tenant', true) and owner = current_setting('weir.principal', true)
  or current_setting('weir.attributes', true)::jsonb ->> 'role' = 'lead');
create table item (id integer primary key, name text, hidden text);
insert into item select n, 'item ' || n, 'hidden' from generate_series(1, 1200) n;
create table secret (id integer primary key);
create table hidden_key (id integer primary key, name text);
create view slow as select id, name from item where pg_sleep(30) is not null;
create function write() returns integer language plpgsql as $$ begin insert into item values (-1); return 1; end $$;
create view writing as select write() as id, 'x' as name;
create view failing as select id, 1 / (id - 1) as name from item;
create view doubled as select id, name from item union all select id, name from item;
create table heavy (id integer primary key, light text, body text, parts text[]);
alter table heavy alter column body set storage external, alter column parts set storage external;
insert into heavy values (1, 'x', repeat('x', 9000000), null), (2, 'x', repeat('x', 5000000), null),
  (3, 'x', repeat('x', 5000000), array[repeat('y', 5000000)]);
create schema closed;
create table closed.thing (id integer primary key);
`;

beforeAll(async () => {
  if (!serverUrl) return;
  database = await openTestDatabase();
  reader = `${database.name}_reader`;
  owner = `${database.name}_owner`;
  await database.run(`${schema}
    create role ${reader} login password '${userPassword}';
    create role ${owner} login password '${userPassword}';
    grant select on note, slow, writing, failing, doubled, heavy to ${reader};
    grant select (id, name) on item to ${reader};
    grant select (name) on hidden_key to ${reader};
    grant create on schema public to ${owner};`);
});
afterAll(async () => {
  await database?.run(`drop owned by ${reader}, ${owner}; drop role ${reader}, ${owner};`);
  await database?.[Symbol.asyncDispose]();
});

const views = new Map(
  ['slow', 'writing', 'failing', 'doubled'].map((name) => [`public.${name}`, ['id']]),
);

async function open(options: Partial<PostgresOptions> = {}) {
  const faults: DatabaseFault[] = [];
  const url = database.as(reader);
  const onFault = (fault: DatabaseFault) => void faults.push(fault);
  const opened = await openPostgresProvider({ url, keys: views, onFault, ...options });
  return {
    provider: openTestProvider(opened.provider),
    opened,
    faults,
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

describe.skipIf(!serverUrl)('a database is safe (skipped without WEIR_TEST_DATABASE_URL)', () => {
  test('only what the user may read is offered, and the rest is named with the mend', async () => {
    await using world = await open();
    const { tables, leftOut } = world.opened.model;
    expect(tables.map(({ type }) => type).sort()).toEqual([
      'Doubled',
      'Failing',
      'Heavy',
      'Item',
      'Note',
      'Slow',
      'Writing',
    ]);
    expect(leftOut).toContainEqual({
      name: 'public.secret',
      reason: `"${reader}" may not read it`,
      mend: `grant select on public.secret to "${reader}"`,
    });
    expect(leftOut).toContainEqual({
      name: 'public.hidden_key',
      reason: 'the user may not read "id" of its key',
      mend: 'grant select ("id") on public.hidden_key',
    });
    expect(leftOut.map(({ name }) => name)).toContain('public.item.hidden');
    const { value } = await world.provider.fetch('Item', '7');
    expect(value).toEqual({ id: 7, name: 'item 7' });
  });

  test('sessions read only, whatever a view does', async () => {
    await using world = await open();
    expect(await world.provider.query('Writing', '1')).toMatchObject({
      kind: 'failure',
      text: 'the database could not be read',
    });
    expect(world.faults[0]?.error).toMatchObject({ code: '25006' });
  });

  test('a URL that makes sessions writable is refused', async () => {
    const url = `${database.as(reader)}?options=-c%20default_transaction_read_only%3Doff`;
    await expect(open({ url })).rejects.toThrow(/not read-only.*leave "options" out of the URL/s);
  });

  test('a statement ends at its time', async () => {
    await using world = await open({ statementTimeoutMs: 200 });
    const outcome = await world.provider.query('Slow', '1');
    expect(outcome).toMatchObject({ kind: 'failure', code: Code.DeadlineExceeded });
    expect(world.faults[0]?.text).toContain('statementTimeoutMs');
  });

  test('who does not wait any more is let go', async () => {
    await using world = await open({ statementTimeoutMs: 2_000 });
    const stop = new AbortController();
    const asked = world.provider.query('Slow', '1', { signal: stop.signal });
    stop.abort();
    await expect(asked).rejects.toThrow();
    expect((await world.provider.query('Item', '1')).kind).toBe('content');
  });

  test('keys are values and never SQL; what is no key is not found', async () => {
    await using world = await open();
    const hostile = [
      "1'; drop table item; --",
      '1 or 1=1',
      '01',
      '+1',
      '1.0',
      '1e0',
      ' 1',
      '%31',
      '99999999999999999999',
      '2147483648',
      '-2147483649',
      '1/2',
      '',
      '%00',
      '١',
    ];
    for (const key of hostile) {
      expect((await world.provider.query('Item', key)).kind, key).toBe('not-found');
    }
    expect((await world.provider.query('Item', '1')).kind).toBe('content');
    expect(world.faults).toEqual([]);
  });

  test('words and prefixes are values too', async () => {
    await using world = await open();
    const hostile = [
      "' or 1=1 --",
      '%',
      '_',
      '\\',
      'id=1',
      '%00',
      'item\u00001x',
      'x'.repeat(10_000),
    ];
    for (const text of hostile) {
      const { entries } = await world.provider.list('Item', { text, pageSize: 5 });
      expect(entries, text).toEqual([]);
    }
    for (const keyPrefix of ["1'", '%', '1/2', '%31']) {
      const { entries } = await world.provider.list('Item', { keyPrefix });
      expect(entries, keyPrefix).toEqual([]);
    }
    const page = world.provider.list('Item', { pageToken: 'bm9uZQ' });
    await expect(page).rejects.toThrow('the page token is none of this list');
  });

  test('every row is listed once, page by page, and found by words', async () => {
    await using world = await open();
    const seen: string[] = [];
    for (let pageToken = ''; ; ) {
      const page = await world.provider.list('Item', { pageSize: 500, pageToken });
      seen.push(...page.entries.map(({ key }) => key));
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
    }
    expect(seen).toEqual(Array.from({ length: 1200 }, (_, at) => String(at + 1)));
    const found = await world.provider.list('Item', { text: 'item 12', pageSize: 2 });
    expect(found.entries.map(({ title, score }) => [title, score])).toEqual([
      ['item 12', 1],
      ['item 120', 0.8],
    ]);
    const next = { text: 'item 12', pageSize: 2, pageToken: found.nextPageToken };
    const { entries } = await world.provider.list('Item', next);
    expect(entries.map(({ title }) => title)).toEqual(['item 121', 'item 122']);
    const prefixed = await world.provider.list('Item', { keyPrefix: '119' });
    expect(prefixed.entries.map(({ key }) => key)).toEqual(['119', ...ones(1190, 1199)]);
  });

  test('a row that is too large is refused, alone', async () => {
    await using world = await open();
    const outcomes = await Promise.all(
      ['1', '2', '3'].map((key) => world.provider.query('Heavy', key)),
    );
    const refused = { kind: 'failure', code: Code.ResourceExhausted };
    expect(outcomes).toMatchObject([refused, { kind: 'content' }, refused]);
  });

  test('many keys come in few statements, each its own answer', async () => {
    await using world = await open();
    const context = world.opened.provider.contexts.find(({ type }) => type === 'Item');
    const { signal } = new AbortController();
    const caller = { tenant: 'acme', principal: '', attributes: {} };
    const keys = Array.from({ length: 256 }, (_, at) => (at % 3 ? String(at * 7) : `x${at}`));
    const queries = keys.map((key) => ({ key, knownEtag: '', caller, signal }));
    const answers = (await context?.fetchMany?.(queries, signal)) ?? [];
    const found = answers.map((answer) => (answer as { value?: { id: number } })?.value?.id);
    const expected = keys.map((key) =>
      Number(key) > 0 && Number(key) <= 1200 ? Number(key) : undefined,
    );
    expect(found).toEqual(expected);
  });

  test('no words of the database reach callers', async () => {
    await using world = await open();
    const outcome = await world.provider.query('Failing', '1');
    expect(outcome).toMatchObject({ text: 'the database could not be read' });
    expect(world.faults[0]?.error).toMatchObject({ code: '22012' });
    expect(await world.provider.query('Doubled', '1')).toMatchObject({
      code: Code.FailedPrecondition,
      text: expect.stringContaining('stands for several rows'),
    });
  });

  test('a column that is dropped fails with the mend, and the rest goes on', async () => {
    await using changing = await openTestDatabase();
    await changing.run(
      'create table a (id integer primary key, b text); create table c (id integer primary key); insert into c values (1)',
    );
    await using world = await open({ url: changing.url, keys: new Map() });
    await changing.run('alter table a drop column b');
    expect(await world.provider.query('A', '1')).toMatchObject({
      code: Code.FailedPrecondition,
      text: expect.stringContaining('must be generated again'),
    });
    expect(world.faults[0]?.text).toContain('generate the provider again');
    await changing.run('drop table a');
    await expect(world.provider.list('A')).rejects.toThrow('must be generated again');
    expect((await world.provider.query('C', '1')).kind).toBe('content');
  });

  test('a column that has another type fails the rows that cannot be read, and no others', async () => {
    await using changing = await openTestDatabase();
    await changing.run('create table a (id integer primary key, b text[])');
    await using world = await open({ url: changing.url, keys: new Map() });
    await changing.run(
      "alter table a alter column b type text; insert into a values (1, 'x'), (2, null)",
    );
    expect(await world.provider.query('A', '1')).toMatchObject({
      code: Code.FailedPrecondition,
      text: expect.stringContaining('must be generated again'),
    });
    expect((await world.provider.query('A', '2')).kind).toBe('content');
  });

  test('a database that goes away and comes back', async () => {
    await using world = await open();
    expect((await world.provider.query('Item', '1')).kind).toBe('content');
    await database.run(
      `select pg_terminate_backend(pid) from pg_stat_activity where usename = '${reader}'`,
    );
    await expect
      .poll(async () => (await world.provider.query('Item', '1')).kind, { timeout: 10_000 })
      .toBe('content');
  });

  test('a database that is not there is said so, without the password', async () => {
    const url = 'postgres://user:hunter2@127.0.0.1:1/none';
    const failed = await readModel({ url }).catch((error: Error) => error);
    expect(failed).toBeInstanceOf(Error);
    expect(String(failed)).not.toContain('hunter2');
    await expect(readModel({ url: 'mysql://x/y' })).rejects.toThrow('not like postgres://');
    const other = readModel({ url: database.as(reader), schemas: ['closed'] });
    await expect(other).rejects.toThrow(/no schema closed that .* may use: there is public/);
  });
});

describe.skipIf(!serverUrl)('row-level security (skipped without WEIR_TEST_DATABASE_URL)', () => {
  test('shows nothing to a user of whom its policies know nothing, and it is said', async () => {
    await using world = await open();
    expect((await world.provider.query('Note', '1')).kind).toBe('not-found');
    expect(world.opened.model.remarks.join()).toContain('--tell-caller');
  });

  test('decides for each caller who is told of', async () => {
    await using world = await open({ tellCaller: true, attributes: ['role'] });
    const caller = { tenant: 'acme', principal: 'ann' };
    const keysOf = async (who: object) =>
      (await world.provider.list('Note', { caller: who })).entries.map(({ key }) => key);
    expect((await world.provider.query('Note', '1', { caller })).kind).toBe('content');
    expect((await world.provider.query('Note', '2', { caller })).kind).toBe('not-found');
    expect(await keysOf(caller)).toEqual(['1']);
    expect(await keysOf({ tenant: 'acme', principal: 'bob' })).toEqual(['2']);
    expect(await keysOf({ ...caller, attributes: { role: 'lead' } })).toEqual(['1', '2', '3']);
    expect(await keysOf({ tenant: 'acme', principal: "ann' or true --" })).toEqual([]);
    const { provider } = world.opened;
    expect(provider).toMatchObject({ wantsPrincipal: true, principalAttributes: ['role'] });
    expect(provider.contexts.every(({ scope }) => scope === 'principal')).toBe(true);
  });

  test('many callers at once see each their own', async () => {
    await using world = await open({ tellCaller: true, maxConnections: 3 });
    const people = Array.from({ length: 60 }, (_, at) => (at % 2 ? 'ann' : 'bob'));
    const seen = await Promise.all(
      people.map(async (principal) => {
        const caller = { tenant: 'acme', principal };
        const { entries } = await world.provider.list('Note', { caller });
        return entries.map(({ title }) => title).join();
      }),
    );
    expect(seen).toEqual(people.map((name) => (name === 'ann' ? 'of Ann' : 'of Bob')));
  });

  test('who passes by it is told of, with the mend', async () => {
    const superuser = await readModel({ url: database.url });
    expect(superuser.remarks.join()).toMatch(/is a superuser.*create role/);
    await database.run(`set role ${owner};
      create table owned (id integer primary key); alter table owned enable row level security;`);
    const own = await readModel({ url: database.as(owner) });
    expect(own.remarks.join()).toMatch(/owns public\.owned and passes by its row-level security/);
  });
});

function ones(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, at) => String(from + at));
}
