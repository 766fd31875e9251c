import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { lockDirectory } from '@weir/kit';
import { drizzle } from 'drizzle-orm/pglite';
import { migrate } from 'drizzle-orm/pglite/migrator';
import { type Driver, migrationsFolder } from './driver.ts';
import { compileEngine } from './engine.ts';
import { fingerprint, layOutDatabase } from './template.ts';

/**
 * Where an embedded database lives: in a directory, or in memory, filled from a dump. A new directory
 * is filled from the folder of templates, if there is one, which makes the first start much shorter.
 */
export type PgliteHome =
  | { readonly directory: string; readonly templates?: string | undefined }
  | { readonly dump: Blob | undefined };

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

async function createPglite(home: PgliteHome): Promise<PGlite> {
  const engine = { pgliteWasmModule: await compileEngine() };
  if ('dump' in home) {
    return PGlite.create({ ...engine, ...(home.dump && { loadDataDir: home.dump }) });
  }
  if (!existsSync(home.directory)) {
    await layOutDatabase(home.directory, home.templates, async (directory) => {
      await using client = await PGlite.create(directory, engine);
      await migrate(drizzle({ client }), { migrationsFolder });
    });
  }
  return PGlite.create(home.directory, engine);
}
