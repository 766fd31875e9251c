import { randomBytes } from 'node:crypto';
import { createConnection, createServer, type Socket } from 'node:net';
import { ConnectError } from '@connectrpc/connect';
import { reasonOf, systemClock } from '@weir/kit';
import { RetryInfoSchema } from '@weir/sdk/gen/google/rpc/error_details_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import postgres from 'postgres';
import { describe, expect, test } from 'vitest';
import { openPostgres } from './store/postgres.ts';
import { openSqlStore } from './store/sql-store.ts';
import { openTestRegistry } from './test-registry.ts';

const url = process.env.WEIR_TEST_DATABASE_URL;

describe.skipIf(!url)('registries on PostgreSQL (needs WEIR_TEST_DATABASE_URL)', () => {
  test('several on one database found it once, and learn from each other', async () => {
    await using database = await openDatabase();
    const databaseUrl = database.url;
    const opening = [openTestRegistry({ databaseUrl }), openTestRegistry({ databaseUrl })];
    const [one, two] = await Promise.all(opening);
    if (!one || !two) return expect.unreachable('they did not open');
    await using _one = one;
    await using _two = two;
    const founders = [one, two].filter((held) => held.opened.adminKey !== undefined);
    expect(founders).toHaveLength(1);

    await using router = await two.watch();
    const made = await one.as().admin.createKey({ principal: 'bot' });
    await router.until((held) => held.has(`key/default/${made.key?.id}`));
    const { registry } = two.as();
    const manifest = {
      name: 'docs',
      version: '1.0.0',
      contexts: [{ type: 'DocChunk', version: '1.0.0' }],
    };
    const source = { case: 'manifest' as const, value: manifest };
    const both = await Promise.all([
      registry.registerProvider({ source }),
      one.as().registry.registerProvider({ source }),
    ]);
    expect(both[0].provider?.createTime).toEqual(both[1].provider?.createTime);
  });

  test('one whose database is away says so, and comes back with it', async () => {
    await using database = await openDatabase();
    await using link = await openLink(database.url);
    await using weir = await openTestRegistry({ databaseUrl: link.url });
    await using router = await weir.watch();
    await router.until((held) => held.size > 0);
    await link.cut();
    const error = await weir
      .as()
      .admin.createKey({ principal: 'bot' })
      .then(
        () => expect.unreachable('there is no database'),
        (thrown: unknown) => ConnectError.from(thrown),
      );
    expect(reasonOf(error)).toBe(Reason.STORE_UNAVAILABLE);
    expect(error.rawMessage).not.toMatch(/127\.0\.0\.1|select|insert/i);
    expect(error.findDetails(RetryInfoSchema)).toHaveLength(1);
    await expect(router.until(() => false)).rejects.toThrow(/cannot be reached/);
    await link.mend();
    const listed = () =>
      weir
        .as()
        .admin.listKeys({})
        .catch(() => undefined);
    await expect.poll(listed, { timeout: 15_000 }).toBeDefined();
    const made = await weir.as().admin.createKey({ principal: 'bot' });
    // The feed may hear of the store a little later than a call does; routers try again.
    const followed = async () => {
      await using again = await weir.watch(router.at());
      const key = `key/default/${made.key?.id}`;
      return await again
        .until((held) => held.has(key))
        .then(
          () => true,
          () => false,
        );
    };
    await expect.poll(followed, { timeout: 15_000 }).toBe(true);
  });

  test('a copy of a database, as one restored from a backup, is another installation', async () => {
    await using database = await openDatabase();
    const original = await openSqlStore(await openPostgres(database.url), systemClock);
    const { epoch, revision } = await original.position();
    await original[Symbol.asyncDispose]();
    await using copy = await openDatabase(new URL(database.url).pathname.slice(1));
    const restored = await openSqlStore(await openPostgres(copy.url), systemClock);
    const after = await restored.position();
    expect(after.revision).toBe(revision);
    expect(after.epoch).not.toBe(epoch);
    await restored[Symbol.asyncDispose]();
    await using again = await openSqlStore(await openPostgres(copy.url), systemClock);
    expect((await again.position()).epoch).toBe(after.epoch);
    await using unchanged = await openSqlStore(await openPostgres(database.url), systemClock);
    expect((await unchanged.position()).epoch).toBe(epoch);
  });

  test('routers of one get the whole snapshot when another epoch begins under it', async () => {
    await using database = await openDatabase();
    await using weir = await openTestRegistry({ databaseUrl: database.url });
    await using router = await weir.watch();
    await router.until((held) => held.size > 0);
    const { epoch } = router.at();
    const sql = postgres(database.url, { max: 1 });
    await sql`update installation set epoch = 'another'`;
    await sql.end();
    await expect.poll(() => router.at().epoch, { timeout: 15_000 }).toBe('another');
    expect(epoch).not.toBe('another');
    expect(router.heard.filter((kind) => kind === 'start').length).toBeGreaterThan(1);
  });

  test('one that hangs while it writes does not hold up the others', async () => {
    await using database = await openDatabase();
    await using one = await openSqlStore(await openPostgres(database.url), systemClock);
    await using two = await openSqlStore(await openPostgres(database.url), systemClock);
    const begun = Promise.withResolvers<void>();
    const wakes = Promise.withResolvers<void>();
    const hangs = one.transact(() => {
      begun.resolve();
      return wakes.promise;
    });
    const lost = expect(hangs).rejects.toThrow();
    await begun.promise;
    expect(await two.transact(async () => 'written')).toMatchObject({ value: 'written' });
    wakes.resolve();
    await lost;
  }, 20_000);
});

/** A new database, or a copy of one, dropped at the end. */
async function openDatabase(template = 'template1') {
  const name = `weir_test_${randomBytes(6).toString('hex')}`;
  const admin = postgres(url ?? '', { max: 1 });
  await admin.unsafe(`create database ${name} template ${template}`);
  const own = new URL(url ?? '');
  own.pathname = `/${name}`;
  return {
    url: own.href,
    async [Symbol.asyncDispose]() {
      await admin.unsafe(`drop database ${name} with (force)`);
      await admin.end();
    },
  };
}

/** A way to a database that can be cut and mended. */
async function openLink(databaseUrl: string) {
  const target = new URL(databaseUrl);
  const { hostname, port: targetPort } = target;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const onward = createConnection(Number(targetPort || 5432), hostname);
    for (const end of [socket, onward]) {
      sockets.add(end);
      end.on('error', () => {}).on('close', () => sockets.delete(end));
    }
    socket.pipe(onward).pipe(socket);
  });
  const listen = (port: number) =>
    new Promise<number>((resolve) => {
      server.listen(port, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address ? address.port : 0);
      });
    });
  const cut = async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  const port = await listen(0);
  target.port = String(port);
  target.hostname = '127.0.0.1';
  return { url: target.href, cut, mend: () => listen(port), [Symbol.asyncDispose]: cut };
}
