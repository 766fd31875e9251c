import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { ApiKeySchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { SnapshotKeySchema } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { and, asc, eq, gt, isNull, or } from 'drizzle-orm';
import type { Database } from '../driver.ts';
import { entryId } from '../entry.ts';
import type { Ledger } from '../ledger.ts';
import { apiKeys, principals } from '../schema.ts';
import type { Reader, StoredKey, Transaction } from '../store.ts';
import { pageOf, rowsFor } from './page.ts';
import { dateOf, dateOrNull, timeField } from './time.ts';

type Row = typeof apiKeys.$inferSelect;

/** Reads keys. */
export function readKeys(db: Database): Pick<Reader, 'key' | 'keys'> {
  return {
    async key(tenant, id) {
      const [row] = await db
        .select()
        .from(apiKeys)
        .where(and(eq(apiKeys.tenant, tenant), eq(apiKeys.id, id)));
      return row && keyOf(row);
    },
    async keys(tenant, { principal, consumer, group, unrevoked }, page) {
      const rows = await db
        .select()
        .from(apiKeys)
        .where(
          and(
            eq(apiKeys.tenant, tenant),
            principal ? eq(apiKeys.principal, principal) : undefined,
            consumer ? eq(apiKeys.consumer, consumer) : undefined,
            group ? eq(apiKeys.group, group) : undefined,
            unrevoked ? isNull(apiKeys.revokeTime) : undefined,
            afterKey(page.after),
          ),
        )
        .orderBy(asc(apiKeys.createTime), asc(apiKeys.id))
        .limit(rowsFor(page));
      return pageOf(rows, page, {
        item: keyOf,
        place: (row) => [row.createTime.toISOString(), row.id],
      });
    },
  };
}

/** Writes keys. */
export function writeKeys(db: Database, ledger: Ledger): Pick<Transaction, 'putKey'> {
  return {
    async putKey(stored) {
      const row = rowOf(stored);
      await db
        .insert(apiKeys)
        .values(row)
        .onConflictDoUpdate({ target: [apiKeys.tenant, apiKeys.id], set: row });
      const [principal] = await db
        .select({ disabled: principals.disabled })
        .from(principals)
        .where(and(eq(principals.tenant, row.tenant), eq(principals.name, row.principal)));
      if (!principal) throw new Error('a key to be stored has no principal');
      await publishKey(ledger, stored, principal.disabled);
    },
  };
}

/** Gives the keys of a principal to the routers, or takes them when it is disabled. */
export async function publishKeysOf(
  db: Database,
  ledger: Ledger,
  principal: { tenant: string; name: string; disabled: boolean },
): Promise<void> {
  const rows = await db.select().from(apiKeys).where(ofPrincipal(principal));
  for (const row of rows) await publishKey(ledger, keyOf(row), principal.disabled);
}

/** Removes the keys of a principal. */
export async function dropKeysOf(
  db: Database,
  ledger: Ledger,
  principal: { tenant: string; name: string },
): Promise<void> {
  const dropped = await db
    .delete(apiKeys)
    .where(ofPrincipal(principal))
    .returning({ id: apiKeys.id });
  for (const { id } of dropped) await ledger.publish(entryId('key', principal.tenant, id));
}

/** Routers hold only keys that may be used. */
async function publishKey(ledger: Ledger, stored: StoredKey, disabled: boolean): Promise<void> {
  const { key, secretHash } = stored;
  const usable = !disabled && !key.revokeTime;
  await ledger.publish(
    entryId('key', key.tenant, key.id),
    usable ? { case: 'key', value: create(SnapshotKeySchema, { key, secretHash }) } : undefined,
  );
}

function ofPrincipal(principal: { tenant: string; name: string }) {
  return and(eq(apiKeys.tenant, principal.tenant), eq(apiKeys.principal, principal.name));
}

function afterKey(after: readonly string[] | undefined) {
  const [time, id] = after ?? [];
  if (time === undefined || id === undefined) return undefined;
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return undefined;
  return or(gt(apiKeys.createTime, date), and(eq(apiKeys.createTime, date), gt(apiKeys.id, id)));
}

function keyOf(row: Row): StoredKey {
  const key = create(ApiKeySchema, {
    id: row.id,
    tenant: row.tenant,
    principal: row.principal,
    consumer: row.consumer,
    scopes: row.scopes,
    permits: row.permits,
    requiresSignature: row.requiresSignature,
    title: row.title,
    group: row.group,
    createTime: timestampFromDate(row.createTime),
    ...timeField('expireTime', row.expireTime),
    ...timeField('revokeTime', row.revokeTime),
  });
  return { key, secretHash: new Uint8Array(row.secretHash) };
}

function rowOf({ key, secretHash }: StoredKey): typeof apiKeys.$inferInsert {
  return {
    tenant: key.tenant,
    id: key.id,
    principal: key.principal,
    consumer: key.consumer,
    scopes: key.scopes,
    permits: key.permits,
    requiresSignature: key.requiresSignature,
    title: key.title,
    group: key.group,
    secretHash,
    expireTime: dateOrNull(key.expireTime),
    revokeTime: dateOrNull(key.revokeTime),
    createTime: dateOf(key.createTime),
  };
}
