import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { createMetrics, systemClock } from '@weir/kit';
import { TenantSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { expect, test } from 'vitest';
import { measureStore } from './registry-metrics.ts';
import { openPglite } from './store/pglite.ts';
import { openSqlStore } from './store/sql-store.ts';

test('times operations, and counts changes, leases and a database that is away', async () => {
  const metrics = createMetrics('test');
  const driver = await openPglite({ dump: undefined });
  const store = measureStore(await openSqlStore(driver, systemClock), metrics, systemClock);
  for (const name of ['acme', 'brick']) {
    const tenant = create(TenantSchema, { name, createTime: timestampFromMs(0) });
    await store.transact((tx) => tx.putTenant(tenant));
  }
  await store.transact((tx) => tx.tenant('acme'));
  expect(await store.tenant('acme')).toMatchObject({ name: 'acme' });
  expect(await store.renewLeases('acme', ['nobody'], 1)).toEqual([]);
  await store[Symbol.asyncDispose]();
  await expect(store.tenant('acme')).rejects.toThrow();
  const text = await metrics.text();
  const timed = (operation: string) =>
    `weir_registry_store_duration_seconds_count{operation="${operation}",service="test"}`;
  expect(text).toContain(`${timed('transact')} 3`);
  expect(text).toContain(`${timed('tenant')} 2`);
  expect(text).toContain('weir_registry_store_errors_total{operation="tenant",service="test"} 1');
  expect(text).toContain('weir_registry_changes_total{service="test"} 1');
  expect(text).toContain('weir_registry_lease_renewals_total{result="unknown",service="test"} 1');
  await metrics.shutdown();
});
