import { tmpdir } from 'node:os';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { createConsistencyTokens, createLogger, createOutboundGuard } from '@weir/kit';
import { EndpointHealth, EndpointKind } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { SnapshotEndpointSchema } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createLeaseKeeper, type LeaseKeeper } from './leases.ts';
import { dumpNewDatabase, openPglite } from './store/pglite.ts';
import { openSqlStore } from './store/sql-store.ts';
import type { Store } from './store/store.ts';

const LEASE_MS = 3000;
const SWEEP_MS = LEASE_MS / 2;
const MINUTE_MS = 60_000;
let wallMs = Date.parse('2026-01-01T00:00:00Z');
let monotonicMs = 0;
const clock = { wallMs: () => wallMs, monotonicMs: () => monotonicMs };

let store: Store;
let keeper: LeaseKeeper;

beforeAll(async () => {
  store = await openSqlStore(await openPglite({ dump: await dumpNewDatabase(tmpdir()) }), clock);
});
afterAll(async () => {
  await store?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
  const log = createLogger({ level: 'silent', name: 'test' });
  keeper = createLeaseKeeper({
    store,
    clock,
    log,
    outbound: createOutboundGuard({ allow: [], log }),
    tokens: createConsistencyTokens(new Uint8Array(32)),
    leaseMs: LEASE_MS,
    newId: () => 'id',
  });
  await put(EndpointHealth.UP);
});

/** Time goes by, with sweeps as often as in life. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= SWEEP_MS) {
    const step = Math.min(left, SWEEP_MS);
    wallMs += step;
    monotonicMs += step;
    await keeper.sweep();
  }
}

async function put(health: EndpointHealth): Promise<void> {
  const endpoint = {
    id: 'e1',
    url: 'http://127.0.0.1:1',
    weight: 1,
    health,
    kind: EndpointKind.LEASED,
    healthTime: timestampFromMs(wallMs),
  };
  const held = { tenant: 'acme', provider: 'docs', version: '1.0.0', endpoint };
  const written = create(SnapshotEndpointSchema, held);
  await store.transact((tx) => tx.putEndpoint(written, wallMs + LEASE_MS));
}

const health = async () => (await store.endpoint('acme', 'e1'))?.endpoint?.health;

test('down when the lease ran out, forgotten ten minutes later', async () => {
  await pass(LEASE_MS);
  expect(await health()).toBe(EndpointHealth.UP);
  await pass(LEASE_MS / 2);
  expect(await health()).toBe(EndpointHealth.DOWN);
  const { revision } = await store.position();
  await pass(10 * MINUTE_MS - LEASE_MS);
  expect(await health()).toBe(EndpointHealth.DOWN);
  expect((await store.position()).revision).toBe(revision);
  await pass(2 * LEASE_MS);
  expect(await health()).toBeUndefined();
});

test('one that drains is forgotten when its lease runs out', async () => {
  await put(EndpointHealth.DRAINING);
  await pass(LEASE_MS);
  expect(await health()).toBe(EndpointHealth.DRAINING);
  await pass(LEASE_MS);
  expect(await health()).toBeUndefined();
});

test('after a pause of the registry, every lease is a fresh one', async () => {
  wallMs += 10 * LEASE_MS;
  monotonicMs += 10 * LEASE_MS;
  await keeper.sweep();
  await pass(LEASE_MS);
  expect(await health()).toBe(EndpointHealth.UP);
  await pass(LEASE_MS);
  expect(await health()).toBe(EndpointHealth.DOWN);
});

test('a pause shorter than a lease ends none that was kept until then', async () => {
  await pass(LEASE_MS / 3);
  wallMs += 0.8 * LEASE_MS;
  monotonicMs += 0.8 * LEASE_MS;
  await keeper.sweep();
  expect(await health()).toBe(EndpointHealth.UP);
});

test('a step of the wall clock ends no lease', async () => {
  wallMs += 5 * MINUTE_MS;
  await pass(LEASE_MS);
  expect(await health()).toBe(EndpointHealth.UP);
});
