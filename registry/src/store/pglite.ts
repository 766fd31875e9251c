import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { lockDirectory } from '@weir/kit';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { drizzle } from 'drizzle-orm/pglite';
import { migrate } from 'drizzle-orm/pglite/migrator';
import { type Driver, migrationsFolder } from './driver.ts';

/** Where an embedded database lives: in a directory, or in memory, filled from a dump. */
export type PgliteHome = { readonly directory: string } | { readonly dump: Blob | undefined };

/** An embedded database, which can also be copied. */
export interface PgliteDriver extends Driver {
  /** A copy of the whole database, for `PgliteHome`. */
  dump(): Promise<Blob>;
}

/** Opens and migrates an embedded database. It runs on, and blocks, the thread it is opened on. */
export async function openPglite(home: PgliteHome): Promise<PgliteDriver> {
  await using opening = new AsyncDisposableStack();
  if ('directory' in home) opening.use(await lockDirectory(home.directory, { what: 'database' }));
  const client = opening.adopt(await createPglite(home), (held) => held.close());
  const db = drizzle({ client });
  await migrate(db, { migrationsFolder });
  const open = opening.move();
  return {
    db,
    dump: () => client.dumpDataDir('none'),
    query: (text, params) =>
      client.transaction(async (tx) => {
        await tx.exec('set transaction read only');
        return (await tx.query<Record<string, unknown>>(text, [...params])).rows;
      }),
    identity: async () => '',
    async listen(channel, notified) {
      const unlisten = await client.listen(channel, notified);
      return { [Symbol.asyncDispose]: () => unlisten().catch(() => {}) };
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/**
 * A copy of a new, migrated database, from which others are opened much faster. Kept in the
 * directory given, if any, for the next process that asks.
 */
export async function dumpNewDatabase(cacheDirectory?: string): Promise<Blob> {
  const file = cacheDirectory && join(cacheDirectory, `weir-pglite-${await fingerprint()}.tar`);
  const kept = file && (await readFile(file).catch(() => undefined));
  if (kept) return new Blob([kept]);
  await using driver = await openPglite({ dump: undefined });
  const dump = await driver.dump();
  if (file) {
    // Under another name first: who reads it meanwhile must not find half of it.
    const draft = `${file}.${process.pid}`;
    await writeFile(draft, dump.stream());
    await rename(draft, file);
  }
  return dump;
}

/** What a dump depends on: the migrations and the version of the database. */
async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  const library = new URL('../package.json', import.meta.resolve('@electric-sql/pglite'));
  hash.update(await readFile(library));
  for (const migration of readMigrationFiles({ migrationsFolder })) hash.update(migration.hash);
  return hash.digest('hex').slice(0, 16);
}

function createPglite(home: PgliteHome): Promise<PGlite> {
  if ('directory' in home) return PGlite.create(home.directory);
  return PGlite.create(home.dump ? { loadDataDir: home.dump } : {});
}
