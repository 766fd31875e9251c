import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  FetchRequestSchema,
  FetchResponseSchema,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_LABELS } from '../../gather/land.ts';
import { decodeFetchResponse, type ResultWatch } from './decode-fetch.ts';
import { encodeFetchRequest } from './encode-fetch.ts';
import { MalformedBytes } from './wire.ts';

type Response = MessageInitShape<typeof FetchResponseSchema>;

const unwatched: ResultWatch = { piece() {}, result() {} };
const byLibrary = (bytes: Uint8Array) =>
  fromBinary(FetchResponseSchema, bytes, { readUnknownFields: false });

const text = fc.string({ unit: 'grapheme', maxLength: 100 });
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const time = fc.record({ seconds: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), nanos: int32 });
const bytes = fc.uint8Array({ maxLength: 300 });
const content = fc.record(
  {
    ...{ payload: bytes, contentType: text, etag: text, asOf: time, ttl: time },
    ...{ sensitivity: int32, quality: fc.double(), source: text, owner: text },
    labels: fc.dictionary(fc.oneof(text, fc.constant('__proto__')), text, { maxKeys: 5 }),
    totalBytes: fc.bigInt(0n, 2n ** 64n - 1n),
  },
  { requiredKeys: [] },
);
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const failure = fc.record({ code: uint32, text, retryDelay: time }, { requiredKeys: [] });
const outcome = fc.oneof(
  content.map((value) => ({ case: 'content' as const, value })),
  fc.record({ data: bytes }).map((value) => ({ case: 'part' as const, value })),
  fc
    .record({ ttl: time }, { requiredKeys: [] })
    .map((value) => ({ case: 'notModified' as const, value })),
  failure.map((value) => ({ case: 'failure' as const, value })),
  fc.constant({ case: 'notFound' as const, value: {} }),
  fc.constant({ case: undefined }),
);
const response: fc.Arbitrary<Uint8Array> = fc
  .array(fc.record({ index: uint32, outcome }), { maxLength: 4 })
  .map((results) =>
    toBinary(FetchResponseSchema, create(FetchResponseSchema, { results } as Response)),
  );

/** The same with bytes of one kind. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return new Map(Object.entries(value).map(([name, field]) => [name, plain(field)]));
}

function expectSame(message: Uint8Array): void {
  const decoded = decodeFetchResponse(Buffer.from(message), unwatched);
  // Not by the library's own comparison: to that a quality that is no number differs from itself.
  expect(plain(decoded)).toEqual(plain(byLibrary(message)));
}

describe('beside the library', () => {
  test('what is sound is decoded alike', () => {
    fc.assert(fc.property(response, expectSame), { numRuns: 500 });
  });

  test('messages one behind the other are merged alike', () => {
    const two = fc.tuple(response, response).map((both) => Buffer.concat(both));
    fc.assert(fc.property(two, expectSame), { numRuns: 100 });
  });

  /** What is refused here though the library takes it: it looks at no wire type and no end. */
  const exceptions = /another wire type|ends too soon|varint is too long|group is not one/;

  test('of bytes that were changed, what is taken is decoded alike', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
      ...{ minLength: 1, maxLength: 4 },
    });
    let taken = 0;
    fc.assert(
      fc.property(response, changes, (message, to) => {
        const changed = Buffer.from(message);
        for (const [at, byte] of to) if (changed.length > 0) changed[at % changed.length] = byte;
        try {
          decodeFetchResponse(changed, unwatched);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedBytes);
          if (!exceptions.test((error as Error).message)) {
            expect(() => byLibrary(changed)).toThrow();
          }
          return;
        }
        taken++;
        expectSame(changed);
      }),
      { numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(200);
  });

  test('of any bytes, and of messages that are cut off', () => {
    const cut = fc
      .tuple(response, fc.nat())
      .map(([message, at]) => message.subarray(0, at % (message.length + 1)));
    fc.assert(
      fc.property(fc.oneof(cut, bytes), (message) => {
        try {
          decodeFetchResponse(Buffer.from(message), unwatched);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedBytes);
          return;
        }
        expectSame(message);
      }),
      { numRuns: 1_000 },
    );
  });

  test('requests are encoded alike', () => {
    const query = fc.record({ type: text, typeVersion: text, key: text, knownEtag: text });
    const caller = fc.record(
      { tenant: text, principal: text, attributes: fc.constantFrom({}, { clearance: 2 }) },
      { requiredKeys: ['tenant'] },
    );
    const request = fc.record(
      { queries: fc.array(query, { maxLength: 40 }), caller },
      { requiredKeys: ['queries'] },
    );
    fc.assert(
      fc.property(request, (init) => {
        const message = create(FetchRequestSchema, init);
        const encoded = encodeFetchRequest(message);
        expect(encoded.readUInt32BE(1)).toBe(encoded.length - 5);
        expect(encoded.subarray(5).equals(toBinary(FetchRequestSchema, message))).toBe(true);
      }),
    );
  });
});

test('results are told as they come, and what they took of the message', () => {
  const results = ['a', 'b'].map((value, index) => ({
    index,
    outcome: { case: 'content' as const, value: { payload: Buffer.from(value) } },
  }));
  const message = toBinary(FetchResponseSchema, create(FetchResponseSchema, { results }));
  const told: string[] = [];
  decodeFetchResponse(Buffer.from(message), {
    piece: () => told.push('piece'),
    result: ({ index }, size) => told.push(`${index}: ${size}`),
  });
  // The index 0 is not sent.
  expect(told).toEqual(['piece', '0: 6', 'piece', '1: 8']);
});

test('what could be repeated without an end within one result is told too', () => {
  const piecesOf = (message: Buffer) => {
    let pieces = 0;
    decodeFetchResponse(message, { piece: () => pieces++, result() {} });
    return pieces;
  };
  const [emptyContent, emptyPart, emptyLabel] = ['1200', '3200', '4a00'];
  const resultOf = (hex: string) => {
    const result = Buffer.from(hex, 'hex');
    return Buffer.concat([Buffer.from([0x0a, result.length]), result]);
  };
  expect(piecesOf(resultOf(emptyContent.repeat(20)))).toBe(1);
  expect(piecesOf(resultOf(`${emptyContent}${emptyPart}`.repeat(20)))).toBe(40);
  expect(piecesOf(resultOf(`1228${emptyLabel.repeat(20)}`))).toBe(20);
});

test('of too many labels one too many is kept', () => {
  const labels = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`l${i}`, 'x']));
  const value = { labels, owner: 'me' };
  const message = create(FetchResponseSchema, {
    results: [{ index: 0, outcome: { case: 'content', value } }],
  });
  const bytesOfIt = Buffer.from(toBinary(FetchResponseSchema, message));
  const decoded = decodeFetchResponse(bytesOfIt, unwatched).results[0]?.outcome;
  if (decoded?.case !== 'content') throw new Error('it is content');
  expect(Object.keys(decoded.value.labels)).toHaveLength(MAX_LABELS + 1);
  expect(decoded.value.owner).toBe('me');
});
