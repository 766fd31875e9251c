import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  CacheStatus,
  type Item,
  ItemSchema,
  Sensitivity,
} from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { FetchContextResponseSchema } from '@weir/sdk/gen/weir/router/v1/router_pb';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type CacheEntry, encodeField } from '../gather/entry.ts';
import { type Outcome, refused } from '../outcome.ts';
import { presentItem } from '../present.ts';
import { encodeAnswer } from './encode-answer.ts';

// What the hand-written encoder writes is what protobuf-es reads from what the other lane sends.
// WEIR_TEST_SEED sets the seed.

const seed = Number(process.env.WEIR_TEST_SEED || Date.now() % 2 ** 31);
const RUNS = 500;
const MANY = 256;

const item: fc.Arbitrary<Item> = fc
  .record({
    payload: fc.uint8Array({ maxLength: 300 }),
    contentType: fc.string({ maxLength: 20 }),
    etag: fc.string({ unit: 'binary', maxLength: 20 }).map((one) => one.toWellFormed()),
    sensitivity: fc.constantFrom(Sensitivity.UNSPECIFIED, Sensitivity.INTERNAL),
    labels: fc.dictionary(fc.string({ maxLength: 5 }), fc.string({ maxLength: 5 }), { maxKeys: 3 }),
  })
  .map(({ payload, ...more }) =>
    create(ItemSchema, { ...more, body: { case: 'payload', value: payload } }),
  );
/** Values around which lengths change. */
const ageMs = fc.oneof(
  fc.constantFrom(-1, 0, 0.4, 0.5, 1, 127, 128, 999, 999.7, 1_000, 127_000, 128_000),
  fc.constantFrom(16_383_999, 16_384_000, 2 ** 31 * 1_000, 2 ** 43),
  fc.double({ min: -10, max: 1e10, noNaN: true }),
);
const found: fc.Arbitrary<Outcome> = fc
  .record({
    item,
    ageMs,
    quality: fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true })),
    redactions: fc.array(fc.constantFrom('mask /a', 'drop /b'), { maxLength: 2 }),
    cache: fc.constantFrom(...Object.values(CacheStatus).filter((one) => typeof one === 'number')),
    link: fc.option(
      fc.record({ url: fc.webUrl(), expireMs: fc.nat() }).map((one) => one),
      { nil: undefined },
    ),
  })
  .map(({ item: one, link, ...more }) => {
    const { field, itemOffset } = encodeField(toBinary(ItemSchema, one));
    // Of an entry only its bytes are looked at.
    const entry = { field, itemOffset } as CacheEntry;
    return { kind: 'found', record: 1, entry, ...more, ...(link && { link }) } as Outcome;
  });
const refusal: fc.Arbitrary<Outcome> = fc
  .record({
    reason: fc.constantFrom(Reason.NOT_FOUND, Reason.KEY_NOT_FOUND, Reason.DEADLINE_EXCEEDED),
    text: fc.string({ maxLength: 300 }),
    retryDelayMs: fc.nat(100_000),
    offeredVersions: fc.array(fc.constantFrom('1.0.0', '2.0.0'), { maxLength: 3 }),
    cache: fc.constantFrom(CacheStatus.UNSPECIFIED, CacheStatus.MISS),
  })
  .map(({ reason, text, cache, ...more }) => ({ ...refused(reason, text, more), cache }));
const outcome = fc.oneof({ weight: 3, arbitrary: found }, refusal);
const outcomes = fc.oneof(
  fc.array(outcome, { maxLength: 10 }),
  // Their indexes take two bytes.
  fc
    .array(outcome, { minLength: 3, maxLength: 3 })
    .map((three) => Array.from({ length: MANY }, (_, i) => three[i % 3] as Outcome)),
);

it(`an answer is what the other lane sends, with WEIR_TEST_SEED=${seed}`, () => {
  fc.assert(
    fc.property(outcomes, fc.constantFrom(0, 5), (all, headroom) => {
      const answer = encodeAnswer(all, headroom);
      const sent = create(FetchContextResponseSchema, { results: all.map(presentItem) });
      const read = fromBinary(
        FetchContextResponseSchema,
        Uint8Array.from(answer.subarray(headroom)),
      );
      // As both come over the wire: what is absent there is absent here.
      const other = fromBinary(
        FetchContextResponseSchema,
        toBinary(FetchContextResponseSchema, sent),
      );
      expect(read).toEqual(other);
      expect(read.$unknown).toBeUndefined();
    }),
    { seed, numRuns: RUNS },
  );
});

it('an answer of nothing is nothing', () => {
  expect(encodeAnswer([], 5)).toHaveLength(5);
  expect(encodeAnswer([], 0)).toHaveLength(0);
});

it('two answers share no bytes', () => {
  const one = refused(Reason.NOT_FOUND, 'one');
  const first = encodeAnswer([{ ...one, cache: CacheStatus.MISS }], 5);
  const copy = Buffer.from(first);
  encodeAnswer([{ ...refused(Reason.NOT_FOUND, 'two'), cache: CacheStatus.MISS }], 5);
  expect(Buffer.from(first).subarray(5)).toEqual(copy.subarray(5));
});
