import { tmpdir } from 'node:os';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { systemClock } from '@weir/kit';
import { ContextTypeSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { SnapshotEntrySchema } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { eq } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { createEntry } from './entry.ts';
import { dumpNewDatabase, openPglite } from './pglite.ts';
import { installation, snapshotEntries } from './schema.ts';
import { openSqlStore } from './sql-store.ts';
import type { Store } from './store.ts';
import { upgradeEntries } from './upgrade.ts';

const id = 'type/acme/Order/1.0.0';
const schema = { type: 'object', required: ['id'] };

test('routers get the schemas of types that were published before they were told them', async () => {
  const driver = await openPglite({ dump: await dumpNewDatabase(tmpdir()) });
  const { db } = driver;
  await using store = await openSqlStore(driver, systemClock);
  const { epoch } = await store.position();
  await upgradeEntries(db, 'not needed');
  expect((await store.position()).epoch).toBe(epoch);

  const createTime = timestampFromMs(systemClock.wallMs());
  const typeWith = (more: { schema?: typeof schema }) =>
    create(ContextTypeSchema, {
      tenant: 'acme',
      manifest: { name: 'Order', version: '1.0.0', ...more },
      createTime,
    });
  const { revision } = await store.transact((tx) => tx.putType(typeWith({ schema })));
  const entry = createEntry(id, revision, { case: 'type', value: typeWith({}) });
  await db
    .update(snapshotEntries)
    .set({ entry: toBinary(SnapshotEntrySchema, entry) })
    .where(eq(snapshotEntries.id, id));
  await db.update(installation).set({ entryForm: 1 });
  expect(await schemaHeld(store)).toBeUndefined();

  const before = await store.position();
  await upgradeEntries(db, 'upgraded');
  expect(await schemaHeld(store)).toEqual(schema);
  expect(await store.position()).toEqual({ ...before, epoch: 'upgraded' });
});

async function schemaHeld(store: Store) {
  const { entries } = await store.snapshot();
  const { body } = entries.find((entry) => entry.id === id) ?? {};
  return body?.case === 'type' ? body.value.manifest?.schema : expect.unreachable('it is no type');
}
