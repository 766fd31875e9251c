import { toBinary } from '@bufbuild/protobuf';
import { SnapshotEntrySchema } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { eq, isNotNull } from 'drizzle-orm';
import type { Database } from './driver.ts';
import { createEntry, ENTRY_FORM, entryId } from './entry.ts';
import { contextTypes, installation, snapshotEntries } from './schema.ts';
import { readTypes } from './tables/types.ts';

/**
 * Writes the entries of an older form anew. Their revisions stay as they are, and another epoch
 * begins, so that every router takes the whole of them.
 */
export async function upgradeEntries(db: Database, epoch: string): Promise<void> {
  await db.transaction(async (tx) => {
    const query = tx.select({ form: installation.entryForm }).from(installation);
    const [held] = await query.where(eq(installation.id, 1)).for('update');
    if (held === undefined || held.form >= ENTRY_FORM) return;
    const { tenant, name, version } = contextTypes;
    const types = await tx
      .select({ tenant, name, version })
      .from(contextTypes)
      .where(isNotNull(contextTypes.schema));
    for (const type of types) await rewriteType(tx, type);
    await tx
      .update(installation)
      .set({ entryForm: ENTRY_FORM, epoch })
      .where(eq(installation.id, 1));
  });
}

async function rewriteType(
  db: Database,
  { tenant, name, version }: { tenant: string; name: string; version: string },
): Promise<void> {
  const id = entryId('type', tenant, name, version);
  const value = await readTypes(db).type(tenant, name, version);
  const [held] = await db
    .select({ revision: snapshotEntries.revision })
    .from(snapshotEntries)
    .where(eq(snapshotEntries.id, id));
  if (!value || !held) return;
  const entry = createEntry(id, held.revision, { case: 'type', value });
  await db
    .update(snapshotEntries)
    .set({ entry: toBinary(SnapshotEntrySchema, entry) })
    .where(eq(snapshotEntries.id, id));
}
