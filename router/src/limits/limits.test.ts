import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { createLogger, createMetrics, type WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { LimitsSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { describe, expect, test } from 'vitest';
import { testCaller as callerOf } from '../../test/entries.ts';
import { LIMITED_SUBJECTS_MAX, type Limits, openLimits } from './limits.ts';
import type { LimitsView } from './subjects.ts';

type Given = MessageInitShape<typeof LimitsSchema>;

const testCaller = callerOf();
const log = createLogger({ name: 'test', level: 'silent' });
const limitsOf = (given: Given) => create(LimitsSchema, given);

/** What a tenant, one principal and one consumer may take. */
function viewOf(given: { tenant?: Given; principal?: Given; consumer?: Given }): LimitsView {
  const { tenant, principal, consumer } = given;
  return {
    tenant: tenant && { limits: limitsOf(tenant) },
    principals: new Map(principal ? [[testCaller.principal, { limits: limitsOf(principal) }]] : []),
    consumers: new Map(consumer ? [['copilot', { manifest: { limits: limitsOf(consumer) } }]] : []),
  };
}

/** A clock that stands still until it is moved. */
function createTestClock() {
  let movedMs = 0;
  return {
    wallMs: () => Date.UTC(2026, 0, 1, 12) + movedMs,
    monotonicMs: () => movedMs,
    advance(ms: number) {
      movedMs += ms;
    },
  };
}

/** Limits of one router that shares them with nobody. */
function openAlone(more: { metrics?: ReturnType<typeof createMetrics> } = {}) {
  const clock = createTestClock();
  return { clock, limits: openLimits({ clock, log, pool: undefined, ...more }) };
}

/** Takes one item at a time until there is a refusal. */
function takeAll(limits: Limits, view: LimitsView, caller = testCaller): [number, WeirError] {
  for (let taken = 0; ; taken++) {
    const refusal = limits.take(caller, view, 1);
    if (refusal) return [taken, refusal];
  }
}

test('who has no limits is not limited', () => {
  const { limits } = openAlone();
  for (let i = 0; i < 10_000; i++) expect(limits.take(testCaller, viewOf({}), 256)).toBeUndefined();
  expect(limits.take(testCaller, undefined, 256)).toBeUndefined();
});

describe('a rate', () => {
  const view = viewOf({ principal: { itemsPerSecond: 10n, itemsBurst: 30n } });

  test('lets its burst through, then says when to come again', () => {
    const { limits, clock } = openAlone();
    const [taken, refusal] = takeAll(limits, view);
    expect(taken).toBe(30);
    expect(refusal).toMatchObject({ reason: Reason.RATE_EXCEEDED, retryDelayMs: 200 });
    expect(refusal.message).toBe(
      'that is more items in a second than you may take; try again after the delay',
    );
    clock.advance(200);
    expect(limits.take(testCaller, view, 1)).toBeUndefined();
  });

  test('refuses a batch whole, and takes nothing of it', () => {
    const { limits } = openAlone();
    expect(limits.take(testCaller, view, 20)).toBeUndefined();
    expect(limits.take(testCaller, view, 20)?.reason).toBe(Reason.RATE_EXCEEDED);
    expect(limits.take(testCaller, view, 10)).toBeUndefined();
  });

  test('names no delay for a batch that is larger than the burst', () => {
    const { limits } = openAlone();
    const refusal = limits.take(testCaller, view, 31);
    expect(refusal?.retryDelayMs).toBeUndefined();
    expect(refusal?.message).toMatch(/30 items in a second at most/);
  });

  test('of a principal is not taken from when the tenant has none left', () => {
    const both = viewOf({
      tenant: { itemsPerSecond: 1n, itemsBurst: 5n },
      principal: { itemsPerSecond: 1n, itemsBurst: 10n },
    });
    const { limits } = openAlone();
    expect(takeAll(limits, both)[0]).toBe(5);
    const alone = { ...both, tenant: undefined };
    expect(takeAll(limits, alone)[0]).toBe(5);
  });

  test('is that of the consumer too', () => {
    const { limits } = openAlone();
    const consumer = viewOf({ consumer: { itemsPerSecond: 1n, itemsBurst: 3n } });
    const [taken, refusal] = takeAll(limits, consumer, { ...testCaller, consumer: 'copilot' });
    expect(taken).toBe(3);
    expect(refusal.metadata).toEqual({ limit: 'items_per_second', of: 'consumer' });
  });

  test('of one principal is nothing to another', () => {
    const { limits } = openAlone();
    takeAll(limits, view);
    const other = { ...testCaller, principal: 'somebody-else' };
    expect(limits.take(other, view, 256)).toBeUndefined();
  });

  test('changes at once', () => {
    const { limits } = openAlone();
    takeAll(limits, view);
    const more = viewOf({ principal: { itemsPerSecond: 10n, itemsBurst: 1_000n } });
    expect(limits.take(testCaller, more, 1)?.reason).toBe(Reason.RATE_EXCEEDED);
    const less = viewOf({ principal: { itemsPerSecond: 10n, itemsBurst: 1n } });
    const fresh = openAlone();
    expect(fresh.limits.take(testCaller, view, 1)).toBeUndefined();
    expect(takeAll(fresh.limits, less)[0]).toBeLessThanOrEqual(1);
  });
});

test('bytes are paid for by the calls that come after', () => {
  const { limits, clock } = openAlone();
  const view = viewOf({ tenant: { bytesPerSecond: 1_000n } });
  expect(limits.take(testCaller, view, 1)).toBeUndefined();
  limits.spend(testCaller, view, 3_000);
  expect(limits.take(testCaller, view, 1)).toMatchObject({ reason: Reason.RATE_EXCEEDED });
  clock.advance(2_100);
  expect(limits.take(testCaller, view, 1)).toBeUndefined();
});

test('a quota lasts for a day of UTC', () => {
  const { limits, clock } = openAlone();
  const view = viewOf({ tenant: { itemsPerDay: 10n } });
  const [taken, refusal] = takeAll(limits, view);
  expect(taken).toBe(10);
  const leftMs = 86_400_000 - (clock.wallMs() % 86_400_000);
  expect(refusal.reason).toBe(Reason.QUOTA_EXCEEDED);
  expect(refusal.retryDelayMs).toBe(leftMs);
  clock.advance(leftMs);
  expect(takeAll(limits, view)[0]).toBe(10);
});

test('of what a provider is asked, so much is asked as its rate allows', () => {
  const { limits } = openAlone();
  const rates = limitsOf({ itemsPerSecond: 5n, itemsBurst: 5n });
  const provider = { tenant: 'default', name: 'docs', version: '1.0.0', rates };
  expect(limits.takeFrom(provider, 3)).toEqual({ items: 3 });
  const { items, refusal } = limits.takeFrom(provider, 3);
  expect(items).toBe(2);
  expect(refusal?.message).toMatch(/^that is more items in a second than provider docs may/);
  expect(limits.takeFrom({ ...provider, rates: undefined }, 300)).toEqual({ items: 300 });
});

test('what it refuses is counted by whose limit it was', async () => {
  await using stack = new AsyncDisposableStack();
  const metrics = stack.adopt(createMetrics('test'), (one) => one.shutdown());
  const { limits } = openAlone({ metrics });
  takeAll(limits, viewOf({ principal: { itemsPerDay: 1n } }));
  const text = await metrics.text();
  expect(text).toMatch(/weir_limits_refused_total\{.*of="principal",limit="items_per_day".*\} 1/);
  expect(text).toMatch(/weir_limits_insured\S* 1/);
  expect(text).toMatch(/weir_limits_subjects\S* 1/);
});

test('no number of principals takes more memory than is set aside for them', async () => {
  await using stack = new AsyncDisposableStack();
  const metrics = stack.adopt(createMetrics('test'), (one) => one.shutdown());
  const { limits } = openAlone({ metrics });
  const one = { limits: limitsOf({ itemsPerSecond: 1n }) };
  const principals = { get: () => one } as unknown as LimitsView['principals'];
  const view = { tenant: undefined, principals, consumers: new Map() };
  for (let i = 0; i < LIMITED_SUBJECTS_MAX + 1_000; i++) {
    limits.take({ ...testCaller, principal: `p${i}` }, view, 1);
  }
  const [, subjects] = /weir_limits_subjects\S* (\d+)/.exec(await metrics.text()) ?? [];
  expect(Number(subjects)).toBe(LIMITED_SUBJECTS_MAX);
});
