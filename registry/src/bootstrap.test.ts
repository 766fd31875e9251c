import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, systemClock } from '@weir/kit';
import { expect, test } from 'vitest';
import { addAdminKey, foundInstallation } from './bootstrap.ts';
import { dumpNewDatabase, openPglite } from './store/pglite.ts';
import { openSqlStore } from './store/sql-store.ts';
import type { Store } from './store/store.ts';

const keysHeld = async (store: Store) =>
  (await store.snapshot()).entries.filter(({ id }) => id.startsWith('key/')).length;

test('an operator gets a key that works, whatever became of the administrator', async () => {
  await using opening = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'weir-bootstrap-'));
  opening.defer(() => rm(dataDir, { recursive: true, force: true }));
  const driver = await openPglite({ dump: await dumpNewDatabase(tmpdir()) });
  const store = opening.use(await openSqlStore(driver, systemClock));
  const add = () => addAdminKey(store, systemClock, dataDir);
  await expect(add()).rejects.toThrow(/the database is new/);

  const log = createLogger({ name: 'test', level: 'silent' });
  const first = await foundInstallation({ store, clock: systemClock, log }, dataDir);
  const file = await add();
  expect((await readFile(file, 'utf8')).trim()).not.toBe(first);
  expect(await keysHeld(store)).toBe(2);

  await store.transact(async (tx) => {
    const admin = await tx.principal('default', 'admin');
    if (admin) await tx.putPrincipal({ ...admin, disabled: true });
  });
  expect(await keysHeld(store)).toBe(0);
  await add();
  expect(await keysHeld(store)).toBe(3);

  await store.transact((tx) => tx.deletePrincipal('default', 'admin'));
  await add();
  expect(await keysHeld(store)).toBe(1);
});
