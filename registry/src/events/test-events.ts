import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type AppendEventsRequest,
  AppendEventsRequestSchema,
} from '@weir/sdk/gen/weir/events/v1/log_pb';
import postgres from 'postgres';
import type { Driver } from '../store/driver.ts';
import { seedInstallation } from '../store/ledger.ts';
import { dumpNewDatabase, openPglite } from '../store/pglite.ts';
import { openPostgres } from '../store/postgres.ts';

/** An empty database, as two registries have it. */
export interface TestDatabase extends AsyncDisposable {
  readonly one: Driver;
  /** On PGlite, which only one process can open, it is the same driver. */
  readonly other: Driver;
  /** Where it is; empty: in memory. */
  readonly url: string;
}

/** Opens an embedded database, with an installation of the epoch "e". */
export async function openEmbedded(): Promise<TestDatabase> {
  const one = await openPglite({ dump: await dumpNewDatabase(tmpdir()) });
  await seedInstallation(one.db, 'e');
  return { one, other: one, url: '', [Symbol.asyncDispose]: () => one[Symbol.asyncDispose]() };
}

/** Opens a new database on a server, with an installation of the epoch "e". */
export async function openOnServer(server: string): Promise<TestDatabase> {
  await using opening = new AsyncDisposableStack();
  const name = `weir_test_${randomBytes(6).toString('hex')}`;
  const admin = opening.adopt(postgres(server, { max: 1 }), (held) => held.end());
  await admin.unsafe(`create database ${name}`);
  opening.defer(async () => void (await admin.unsafe(`drop database ${name} with (force)`)));
  const own = new URL(server);
  own.pathname = `/${name}`;
  const one = opening.use(await openPostgres(own.href));
  const other = opening.use(await openPostgres(own.href));
  await seedInstallation(one.db, 'e');
  const open = opening.move();
  return { one, other, url: own.href, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

/** A request of the tenant "acme" with as many events as ids. */
export function requestOf(
  ids: readonly string[],
  more: MessageInitShape<typeof AppendEventsRequestSchema> = {},
): AppendEventsRequest {
  return create(AppendEventsRequestSchema, {
    tenant: 'acme',
    publisher: 'ann',
    events: ids.map((id) => ({ id, topic: 'page.updated', key: 'a' })),
    ...more,
  });
}
