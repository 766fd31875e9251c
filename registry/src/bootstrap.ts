import { copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Core } from './core.ts';
import { foundTenant } from './tenants.ts';

const FIRST_TENANT = 'default';
const KEY_FILE = 'admin.key';

/**
 * Founds the first tenant of a new database, with an administrator key that is kept in the data
 * directory. Returns the key, or undefined when there is a tenant already.
 */
export async function foundInstallation(core: Core, dataDir: string): Promise<string | undefined> {
  const page = { size: 1 };
  if ((await core.store.tenants(page)).items.length > 0) return undefined;
  const written = await core.store.transact(async (tx) => {
    if ((await tx.tenants(page)).items.length > 0) return undefined;
    const { secret } = await foundTenant(core, tx, {
      name: FIRST_TENANT,
      title: 'Default',
      scopes: [Scope.READ, Scope.REGISTER, Scope.ADMIN, Scope.PLATFORM],
    });
    // Before the commit: a key that nobody could ever read would lock everybody out.
    await keepOlderKey(dataDir, core.clock.wallMs());
    await writeKey(dataDir, secret);
    return secret;
  });
  return written.value;
}

/** It opens another database, perhaps, that was used from this directory before. */
async function keepOlderKey(dataDir: string, nowMs: number): Promise<void> {
  const file = join(dataDir, KEY_FILE);
  await copyFile(file, `${file}.${nowMs}`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

async function writeKey(dataDir: string, secret: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const file = join(dataDir, KEY_FILE);
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, `${secret}\n`, { mode: 0o600, flush: true });
  await rename(draft, file);
}
