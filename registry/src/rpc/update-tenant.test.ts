import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { ConnectError } from '@connectrpc/connect';
import { reasonOf } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { LimitsSchema, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestRegistry, type TestRegistry } from '../test-registry.ts';

const DAY_MS = 86_400_000;

let weir: TestRegistry;
beforeAll(async () => {
  weir = await openTestRegistry();
});
afterAll(async () => {
  await weir?.[Symbol.asyncDispose]();
});

async function reasonFor(call: Promise<unknown>): Promise<Reason | undefined> {
  return call.then(
    () => expect.unreachable('the call was not refused'),
    (error: unknown) => reasonOf(ConnectError.from(error)),
  );
}

async function held() {
  const { tenants } = await weir.as().admin.listTenants({});
  return tenants[0] ?? expect.unreachable('there is no tenant');
}

const limits = create(LimitsSchema, { itemsPerSecond: 100n, bytesPerDay: 1n });

test('a tenant gets limits and a retention, and loses them again', async () => {
  const { admin } = weir.as();
  await using follower = await weir.watch();
  const before = await held();
  const auditRetention = durationFromMs(30 * DAY_MS);
  const tenant = { ...before, title: 'Ours', limits, auditRetention };
  const answer = await admin.updateTenant({ tenant });
  expect(answer.tenant).toEqual({ ...tenant, etag: answer.tenant?.etag });
  expect(await held()).toEqual(answer.tenant);
  await follower.until((entries) => {
    const body = entries.get('tenant/default')?.body;
    return body?.case === 'tenant' && body.value.etag === answer.tenant?.etag;
  });
  expect(follower.entries.get('tenant/default')?.body.value).toEqual(answer.tenant);

  expect(await reasonFor(admin.updateTenant({ tenant }))).toBe(Reason.ETAG_STALE);
  const { limits: _, auditRetention: __, ...plain } = await held();
  const back = await admin.updateTenant({ tenant: plain });
  expect(back.tenant).toMatchObject({ title: 'Ours' });
  expect(back.tenant?.limits).toBeUndefined();
  expect(back.tenant?.auditRetention).toBeUndefined();
});

test.each([
  ['a second of no items', { limits: create(LimitsSchema, { itemsPerSecond: 0n }) }],
  ['too few bytes', { limits: create(LimitsSchema, { bytesPerSecond: 1023n }) }],
  ['too many items', { limits: create(LimitsSchema, { itemsBurst: 10_000_001n }) }],
  ['hours', { auditRetention: durationFromMs(DAY_MS - 1000) }],
  ['parts of a second', { auditRetention: durationFromMs(DAY_MS + 1) }],
  ['centuries', { auditRetention: durationFromMs(4000 * DAY_MS) }],
  ['no etag', { etag: '' }],
])('%s are refused', async (_, change) => {
  const tenant = { ...(await held()), ...change };
  expect(await reasonFor(weir.as().admin.updateTenant({ tenant }))).toBe(Reason.MALFORMED_REQUEST);
});

test('only the platform changes tenants, and only those that there are', async () => {
  const tenant = await held();
  const { admin } = weir.as({ scopes: [Scope.ADMIN] });
  expect(await reasonFor(admin.updateTenant({ tenant }))).toBe(Reason.SCOPE_MISSING);
  const other = { ...tenant, name: 'nobody' };
  expect(await reasonFor(weir.as().admin.updateTenant({ tenant: other }))).toBe(Reason.NOT_FOUND);
});

test('a principal gets limits, and a manifest with limits out of bounds is refused', async () => {
  const { admin, registry } = weir.as();
  const { principal } = await admin.createPrincipal({ name: 'lin', kind: 1 });
  if (!principal) expect.unreachable('there is no principal');
  const bounded = await admin.updatePrincipal({ principal: { ...principal, limits } });
  expect(bounded.principal?.limits).toEqual(limits);
  const document = (value: string) => ({ source: { case: 'document' as const, value } });
  const consumer = document('name: c\nlimits: { itemsPerSecond: 0 }\n');
  expect(await reasonFor(registry.registerConsumer(consumer))).toBe(Reason.INVALID_MANIFEST);
});
