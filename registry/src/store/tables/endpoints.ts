import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { EndpointHealth, EndpointKind } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import {
  type SnapshotEndpoint,
  SnapshotEndpointSchema,
} from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { and, asc, eq, inArray, lt, ne } from 'drizzle-orm';
import type { Database } from '../driver.ts';
import { entryId } from '../entry.ts';
import type { Ledger } from '../ledger.ts';
import { endpoints } from '../schema.ts';
import type { ProviderKey, Reader, Store, Transaction } from '../store.ts';
import { dateOf } from './time.ts';

type Row = typeof endpoints.$inferSelect;

type EndpointReader = Pick<
  Reader,
  'endpoint' | 'endpointsOf' | 'staticEndpoints' | 'endpointsExpiredBefore'
>;

/** Reads endpoints; in a transaction, those whose lease ran out are locked. */
export function readEndpoints(db: Database, inTransaction: boolean): EndpointReader {
  return {
    async endpoint(tenant, id) {
      const [row] = await db.select().from(endpoints).where(is(tenant, id));
      return row && endpointOf(row);
    },
    async endpointsOf(tenant, ...providers) {
      if (providers.length === 0) return [];
      const rows = await db
        .select()
        .from(endpoints)
        .where(and(eq(endpoints.tenant, tenant), inArray(endpoints.provider, providers)))
        .orderBy(asc(endpoints.version), asc(endpoints.url), asc(endpoints.kind));
      return rows.map(endpointOf);
    },
    async staticEndpoints() {
      const rows = await db
        .select()
        .from(endpoints)
        .where(eq(endpoints.kind, EndpointKind.STATIC))
        .orderBy(asc(endpoints.tenant), asc(endpoints.id));
      return rows.map(endpointOf);
    },
    async endpointsExpiredBefore(timeMs) {
      const query = db
        .select()
        .from(endpoints)
        .where(lt(endpoints.leaseExpireTime, new Date(timeMs)));
      // A heartbeat under way must not be overtaken: it waits, and then finds the endpoint down.
      const rows = await (inTransaction ? query.for('update') : query);
      return rows.map(endpointOf);
    },
  };
}

/** Writes endpoints. */
export function writeEndpoints(
  db: Database,
  ledger: Ledger,
): Pick<Transaction, 'putEndpoint' | 'deleteEndpoint' | 'renewLease'> {
  return {
    async putEndpoint(endpoint, leaseExpireMs) {
      const row = rowOf(endpoint, leaseExpireMs);
      await db
        .insert(endpoints)
        .values(row)
        .onConflictDoUpdate({ target: [endpoints.tenant, endpoints.id], set: row });
      await ledger.publish(entryId('endpoint', row.tenant, row.id), {
        case: 'endpoint',
        value: endpoint,
      });
    },
    async deleteEndpoint(tenant, id) {
      await db.delete(endpoints).where(is(tenant, id));
      await ledger.publish(entryId('endpoint', tenant, id));
    },
    async renewLease(tenant, id, expireMs) {
      await db
        .update(endpoints)
        .set({ leaseExpireTime: new Date(expireMs) })
        .where(is(tenant, id));
    },
  };
}

/** Removes the endpoints of a provider version. */
export async function dropEndpointsOf(
  db: Database,
  ledger: Ledger,
  key: ProviderKey,
): Promise<void> {
  const dropped = await db
    .delete(endpoints)
    .where(
      and(
        eq(endpoints.tenant, key.tenant),
        eq(endpoints.provider, key.name),
        eq(endpoints.version, key.version),
      ),
    )
    .returning({ id: endpoints.id });
  for (const { id } of dropped) await ledger.publish(entryId('endpoint', key.tenant, id));
}

/** Renews leases, which is no change that routers have to know of. */
export function renewingLeases(db: Database): Pick<Store, 'renewLeases' | 'renewAllLeases'> {
  return {
    async renewLeases(tenant, ids, expireMs) {
      const rows = await db
        .update(endpoints)
        .set({ leaseExpireTime: new Date(expireMs) })
        .where(
          and(
            eq(endpoints.tenant, tenant),
            inArray(endpoints.id, [...ids]),
            eq(endpoints.kind, EndpointKind.LEASED),
          ),
        )
        .returning({ id: endpoints.id, health: endpoints.health });
      return rows.map(({ id, health }) => ({ id, down: health === EndpointHealth.DOWN }));
    },
    async renewAllLeases(expireMs) {
      await db
        .update(endpoints)
        .set({ leaseExpireTime: new Date(expireMs) })
        .where(
          and(eq(endpoints.kind, EndpointKind.LEASED), ne(endpoints.health, EndpointHealth.DOWN)),
        );
    },
  };
}

function is(tenant: string, id: string) {
  return and(eq(endpoints.tenant, tenant), eq(endpoints.id, id));
}

function endpointOf(row: Row): SnapshotEndpoint {
  return create(SnapshotEndpointSchema, {
    tenant: row.tenant,
    provider: row.provider,
    version: row.version,
    endpoint: {
      id: row.id,
      url: row.url,
      weight: row.weight,
      health: row.health,
      kind: row.kind,
      healthTime: timestampFromDate(row.healthTime),
      registrar: row.registrar,
    },
  });
}

function rowOf(
  { tenant, provider, version, endpoint }: SnapshotEndpoint,
  leaseExpireMs: number | undefined,
): typeof endpoints.$inferInsert {
  if (!endpoint) throw new Error('an endpoint to be stored is empty');
  return {
    tenant,
    id: endpoint.id,
    provider,
    version,
    url: endpoint.url,
    weight: endpoint.weight,
    kind: endpoint.kind,
    health: endpoint.health,
    healthTime: dateOf(endpoint.healthTime),
    registrar: endpoint.registrar,
    ...(leaseExpireMs === undefined ? {} : { leaseExpireTime: new Date(leaseExpireMs) }),
  };
}
