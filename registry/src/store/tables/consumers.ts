import { create, fromJson, type JsonObject, toJson } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type Consumer,
  ConsumerManifestSchema,
  ConsumerSchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { and, asc, eq, gt } from 'drizzle-orm';
import type { Database } from '../driver.ts';
import { entryId } from '../entry.ts';
import type { Ledger } from '../ledger.ts';
import { consumers } from '../schema.ts';
import type { Reader, Transaction } from '../store.ts';
import { matching, wordsOf } from './catalogue.ts';
import { pageOf, rowsFor } from './page.ts';
import { dateOf } from './time.ts';

type Row = typeof consumers.$inferSelect;

/** Reads consumers. */
export function readConsumers(db: Database): Pick<Reader, 'consumer' | 'consumers'> {
  return {
    async consumer(tenant, name) {
      const [row] = await db.select().from(consumers).where(is(tenant, name));
      return row && consumerOf(row);
    },
    async consumers(tenant, filter, page) {
      const after = page.after?.[0];
      const rows = await db
        .select()
        .from(consumers)
        .where(
          and(
            eq(consumers.tenant, tenant),
            matching(consumers, filter, (type) => ({ pins: [{ type }] })),
            after === undefined ? undefined : gt(consumers.name, after),
          ),
        )
        .orderBy(asc(consumers.name))
        .limit(rowsFor(page));
      return pageOf(rows, page, { item: consumerOf, place: (row) => [row.name] });
    },
  };
}

/** Writes consumers. */
export function writeConsumers(
  db: Database,
  ledger: Ledger,
): Pick<Transaction, 'putConsumer' | 'deleteConsumer'> {
  return {
    async putConsumer(consumer) {
      const row = rowOf(consumer);
      await db
        .insert(consumers)
        .values(row)
        .onConflictDoUpdate({ target: [consumers.tenant, consumers.name], set: row });
      await ledger.publish(entryId('consumer', row.tenant, row.name), {
        case: 'consumer',
        value: consumer,
      });
    },
    async deleteConsumer(tenant, name) {
      await db.delete(consumers).where(is(tenant, name));
      await ledger.publish(entryId('consumer', tenant, name));
    },
  };
}

function is(tenant: string, name: string) {
  return and(eq(consumers.tenant, tenant), eq(consumers.name, name));
}

function consumerOf(row: Row): Consumer {
  return create(ConsumerSchema, {
    tenant: row.tenant,
    manifest: fromJson(ConsumerManifestSchema, row.manifest as JsonObject),
    etag: row.etag,
    createTime: timestampFromDate(row.createTime),
    updateTime: timestampFromDate(row.updateTime),
  });
}

function rowOf(consumer: Consumer): typeof consumers.$inferInsert {
  const manifest = consumer.manifest ?? create(ConsumerManifestSchema);
  return {
    tenant: consumer.tenant,
    name: manifest.name,
    manifest: toJson(ConsumerManifestSchema, manifest),
    etag: consumer.etag,
    words: wordsOf(manifest),
    createTime: dateOf(consumer.createTime),
    updateTime: dateOf(consumer.updateTime),
  };
}
