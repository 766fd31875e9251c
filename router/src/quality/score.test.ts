import { create } from '@bufbuild/protobuf';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { ProviderSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { describe, expect, test } from 'vitest';
import { createTestClock } from '../../test/answering.ts';
import type { Landed } from '../gather/land.ts';
import { refused } from '../outcome.ts';
import { compileCatalogue } from '../snapshot/catalogue.ts';
import { unjudged } from './judged.ts';
import { createProviderRecords } from './record.ts';
import { freshnessOf, partsOf, scoreOf, weakestOf } from './score.ts';

describe('freshness', () => {
  test.each([
    [0, 1],
    [1_000, 1],
    [1_500, 0.75],
    [2_000, 0.5],
    [9_000, 0.5],
  ])('after %i ms of a ttl of 1 s and as much stale it is %f', (ageMs, wanted) => {
    expect(freshnessOf({ ttlMs: 1_000, staleMs: 1_000 }, ageMs)).toBe(wanted);
  });

  test('what is never kept is always fresh', () => {
    expect(freshnessOf({ ttlMs: 0, staleMs: 0 }, 20)).toBe(1);
  });
});

describe('the score', () => {
  const entry = { ttlMs: 1_000, staleMs: 1_000 };

  test('is the product of what is known', () => {
    expect(scoreOf(partsOf({ ...entry, judged: unjudged }, 0, 1))).toBe(1);
    const judged = { validity: 0.8, completeness: 0.5, judgement: 0.5, notes: [] };
    const parts = partsOf({ ...entry, judged }, 2_000, 0.5);
    expect(scoreOf(parts)).toBeCloseTo(0.05, 12);
    expect(weakestOf({ ...parts, record: 0.25 })).toEqual({
      name: "the provider's record",
      value: 0.25,
    });
  });
});

describe('the record of a provider', () => {
  const provider = (version: string) => {
    const contexts = [{ type: 'DocChunk', version: '1.0.0' }];
    const registered = create(ProviderSchema, { manifest: { name: 'docs', version, contexts } });
    const [offer] =
      compileCatalogue([{ provider: registered, endpoints: [] }]).offers.get('DocChunk') ?? [];
    if (!offer) throw new Error('the provider offers a type');
    return offer.provider;
  };
  const good: Landed = { kind: 'missing' };
  const bad = (reason: Reason, ofStarter = false): Landed => ({
    ...refused(reason, 'no'),
    ofStarter,
  });

  test('begins at 1, falls with bad answers, and rises with good ones', () => {
    const records = createProviderRecords(createTestClock());
    const docs = provider('1.0.0');
    expect(records.of(docs)).toBe(1);
    for (let i = 0; i < 50; i++) records.note(docs, bad(Reason.PROVIDER_FAILED));
    const low = records.of(docs);
    expect(low).toBeCloseTo(0.98 ** 50, 2);
    for (let i = 0; i < 50; i++) records.note(docs, good);
    expect(records.of(docs)).toBeGreaterThan(low + 0.3);
    // Of the version, in every snapshot.
    expect(records.of(provider('1.0.0'))).toBeCloseTo(records.of(docs), 3);
    expect(records.of(provider('2.0.0'))).toBe(1);
  });

  test('forgets half of what was bad in five minutes', () => {
    const clock = createTestClock();
    const records = createProviderRecords(clock);
    const docs = provider('1.0.0');
    for (let i = 0; i < 50; i++) records.note(docs, bad(Reason.PROVIDER_UNAVAILABLE));
    const missing = 1 - records.of(docs);
    clock.advance(5 * 60 * 1000);
    expect(1 - records.of(docs)).toBeCloseTo(missing / 2, 2);
  });

  test.each([
    ['a cancel', bad(Reason.CANCELLED)],
    ['a limit of this router', bad(Reason.PROVIDER_BUSY)],
    [
      "a caller's mistake",
      { ...refused(Reason.PROVIDER_FAILED, 'no', { code: 3 }), ofStarter: false },
    ],
    ["the end of a caller's time", bad(Reason.DEADLINE_EXCEEDED, true)],
  ])('%s is nothing that a provider is blamed for', (_, landed) => {
    const records = createProviderRecords(createTestClock());
    records.note(provider('1.0.0'), landed);
    expect(records.of(provider('1.0.0'))).toBe(1);
  });
});
