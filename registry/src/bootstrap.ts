import { copyFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, ensureFolder } from '@weir/kit';
import { Scope, type Tenant } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Core } from './core.ts';
import { mintKey } from './keys.ts';
import { starterPolicy } from './policy/starter.ts';
import type { Page, Paged, Store, Transaction } from './store/store.ts';
import { ADMINISTRATOR, foundTenant, newAdministrator, withTenantEtag } from './tenants.ts';

/** The tenant that a new database has. */
export const FIRST_TENANT = 'default';
const KEY_FILE = 'admin.key';
const SCOPES = [Scope.READ, Scope.REGISTER, Scope.ADMIN, Scope.PLATFORM, Scope.CALL];

/**
 * Founds the first tenant of a new database, with an administrator key that is kept in the data
 * directory. Returns the key, or undefined when there is a tenant already.
 */
export async function foundInstallation(
  core: Pick<Core, 'store' | 'clock' | 'log'>,
  dataDir: string,
): Promise<string | undefined> {
  const page = { size: 1 };
  if ((await core.store.tenants(page)).items.length > 0) return undefined;
  const written = await core.store.transact(async (tx) => {
    if ((await tx.tenants(page)).items.length > 0) return undefined;
    const { secret } = await foundTenant(core, tx, {
      name: FIRST_TENANT,
      title: 'Default',
      scopes: SCOPES,
    });
    // Before the commit: a key that nobody could ever read would lock everybody out.
    const file = await keepKey(dataDir, secret, core.clock);
    core.log.info({ file }, "the first administrator's key is in a file that its owner can read");
    return secret;
  });
  return written.value;
}

/**
 * Makes one more key for the first administrator, for an operator who lost the others, and keeps
 * it where the first one was kept. An administrator that was removed or disabled is made anew.
 * Returns the file. Throws when the database is new.
 */
export async function addAdminKey(store: Store, clock: Clock, dataDir: string): Promise<string> {
  const { secret, stored } = mintKey(
    { clock },
    {
      tenant: FIRST_TENANT,
      principal: ADMINISTRATOR,
      consumer: '',
      title: 'Administrator key made by the operator',
      scopes: SCOPES,
    },
  );
  const written = await store.transact(async (tx) => {
    if ((await tx.tenants({ size: 1 })).items.length === 0) {
      throw new Error('the database is new: start the registry, which makes its first key');
    }
    const held = await tx.principal(FIRST_TENANT, ADMINISTRATOR);
    if (!held || held.disabled) {
      await tx.putPrincipal(newAdministrator({ clock }, FIRST_TENANT));
    }
    await tx.putKey(stored);
    return keepKey(dataDir, secret, clock);
  });
  return written.value;
}

async function keepKey(dataDir: string, secret: string, clock: Clock): Promise<string> {
  await keepOlderKey(dataDir, clock.wallMs());
  return writeKey(dataDir, secret);
}

/** It opens another database, perhaps, that was used from this directory before. */
async function keepOlderKey(dataDir: string, nowMs: number): Promise<void> {
  const file = join(dataDir, KEY_FILE);
  await copyFile(file, `${file}.${nowMs}`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

async function writeKey(dataDir: string, secret: string): Promise<string> {
  await ensureFolder('WEIR_DATA_DIR', dataDir);
  const file = join(dataDir, KEY_FILE);
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, `${secret}\n`, { mode: 0o600, flush: true });
  await rename(draft, file);
  return file;
}

const TENANTS_AT_ONCE = 50;

/**
 * Gives the starter policy to tenants that were founded before there were policies, so that an
 * upgrade locks nobody out. A tenant that took its policies out of force stays without.
 */
export async function equipOlderTenants(core: Pick<Core, 'store' | 'clock'>): Promise<void> {
  let page: Page | undefined = { size: TENANTS_AT_ONCE };
  while (page) {
    const { items, after }: Paged<Tenant> = await core.store.tenants(page);
    const older = items.filter(({ etag }) => etag === '');
    if (older.length > 0) await core.store.transact((tx) => equip(core, tx, older));
    page = after && { size: TENANTS_AT_ONCE, after };
  }
}

async function equip(
  core: Pick<Core, 'clock'>,
  tx: Transaction,
  tenants: readonly Tenant[],
): Promise<void> {
  for (const { name } of tenants) {
    const tenant = await tx.tenant(name);
    // Another registry that starts at the same time may have done it.
    if (tenant?.etag !== '') continue;
    await tx.putTenant(withTenantEtag(tenant));
    await tx.putPolicy(await starterPolicy(core, name));
  }
}
