import { createHash, randomUUID } from 'node:crypto';
import { cpSync, existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { migrationsFolder } from './driver.ts';

/** Makes a new, migrated database in a directory, and closes it. */
export type MakeDatabase = (directory: string) => Promise<void>;

/**
 * Puts a new database into a directory that does not exist yet: a copy of the one in the folder of
 * templates, if there is a folder, and else one that is made. The next start finds a copy of that in
 * the folder. It comes whole or not at all, whenever the process is killed.
 */
export async function layOutDatabase(
  directory: string,
  templates: string | undefined,
  make: MakeDatabase,
): Promise<void> {
  const draft = `${directory}.new`;
  await rm(draft, { recursive: true, force: true });
  const template = templates && join(templates, `database-${await fingerprint()}`);
  if (!template || !(await copied(template, draft))) {
    await make(draft);
    if (template) await keep(draft, template);
  }
  await rename(draft, directory);
}

/** What a new database depends on: the migrations and the version of the engine. */
export async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  const library = new URL('../package.json', import.meta.resolve('@electric-sql/pglite'));
  hash.update(await readFile(library));
  for (const migration of readMigrationFiles({ migrationsFolder })) hash.update(migration.hash);
  return hash.digest('hex').slice(0, 16);
}

/** Whether there was a template. One that cannot be read is none. */
async function copied(template: string, draft: string): Promise<boolean> {
  if (!existsSync(join(template, 'PG_VERSION'))) return false;
  try {
    // A thousand small files: at once, that takes a fifth of the time.
    cpSync(template, draft, { recursive: true });
    return true;
  } catch {
    await rm(draft, { recursive: true, force: true });
    return false;
  }
}

/** It serves later starts only: this one goes on without. */
async function keep(database: string, template: string): Promise<void> {
  // Under another name first: who copies it meanwhile must not find half of it.
  const draft = `${template}.${randomUUID()}`;
  try {
    await mkdir(dirname(template), { recursive: true });
    cpSync(database, draft, { recursive: true });
    await rename(draft, template);
  } catch {
    await rm(draft, { recursive: true, force: true }).catch(() => {});
  }
}
