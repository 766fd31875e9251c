import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import {
  type FetchContextRequest,
  FetchContextRequestSchema,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AskedBatch, parseBatch } from '../batch.ts';
import { decodeBatch } from './decode-batch.ts';

// What the hand-written decoder makes of bytes is what protobuf-es makes of them. WEIR_TEST_SEED sets the
// seed.

const seed = Number(process.env.WEIR_TEST_SEED || Date.now() % 2 ** 31);
const RUNS = 2_000;

/** A batch as both decoders have it, or how it was refused. */
function cameTo(decode: () => AskedBatch) {
  let asked: AskedBatch;
  try {
    asked = decode();
  } catch (error) {
    return { unreadable: (error as Error).message };
  }
  try {
    const { refs, ...batch } = parseBatch(asked);
    return { batch, refs: refs.map(plainRef) };
  } catch (error) {
    const { message, reason, violations } = error as Error & Record<string, unknown>;
    return { refused: message, reason, violations };
  }
}

function plainRef({ type, versionRange, key, provider }: AskedBatch['refs'][number]) {
  return { type, versionRange, key, provider };
}

const byHand = (bytes: Uint8Array) => cameTo(() => decodeBatch(bytes));
const byLibrary = (bytes: Uint8Array) =>
  cameTo(() => fromBinary(FetchContextRequestSchema, bytes) as FetchContextRequest);

function expectSame(bytes: Uint8Array): void {
  expect(byHand(bytes)).toEqual(byLibrary(bytes));
}

const text = fc.oneof(
  fc.constantFrom('', 'DocChunk', 'a/b', '^1.2', 'x'.repeat(63), 'x'.repeat(127), 'y'.repeat(128)),
  fc.string({ maxLength: 200 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    'Ärger',
    'A\u0308rger',
    '漢字',
    '\u{1f600}',
    '\u0000',
    'a\u202eb',
    '..',
    'a/../b',
  ),
);
const ref = fc.record({ type: text, versionRange: text, key: text, provider: text });
const goodRef = fc.record({
  type: fc.constantFrom('DocChunk', 'SQLSchema'),
  versionRange: fc.constantFrom('', '^1', '>=1 <3'),
  key: fc.stringMatching(/^[a-z]{1,200}$/),
  provider: fc.constantFrom('', 'docs'),
});
const duration = fc.record({
  seconds: fc.bigInt({ min: -5n, max: 10n ** 6n }),
  nanos: fc.integer({ min: -5, max: 999_999_999 }),
});
const request = (refs: fc.Arbitrary<object>) =>
  fc.record(
    {
      refs: fc.array(refs, { maxLength: 8 }),
      itemTimeout: duration,
      minQuality: fc.oneof(fc.double({ min: 0, max: 1 }), fc.double()),
      maxAge: duration,
      consistencyToken: text,
      purpose: fc.oneof(fc.constant('support'), text),
    },
    { requiredKeys: ['refs'] },
  );
const encoded = (of: fc.Arbitrary<object>) =>
  request(of).map((one) =>
    toBinary(FetchContextRequestSchema, create(FetchContextRequestSchema, one)),
  );
const anyEncoded = fc.oneof(encoded(goodRef), encoded(ref));

/** The same, as no encoder writes it: with bytes changed, left out, put in or repeated. */
const mutated = fc
  .tuple(
    anyEncoded,
    fc.array(
      fc.tuple(fc.constantFrom('set', 'cut', 'put', 'repeat'), fc.nat(), fc.nat(255), fc.nat(9)),
      { minLength: 1, maxLength: 4 },
    ),
  )
  .map(([bytes, changes]) => {
    let all = [...bytes];
    for (const [change, where, byte, length] of changes) {
      const at = where % (all.length + 1);
      if (change === 'set' && at < all.length) all[at] = byte;
      if (change === 'cut') all.splice(at, length);
      if (change === 'put') all.splice(at, 0, byte);
      if (change === 'repeat') all.splice(at, 0, ...all.slice(at, at + length));
    }
    all = all.slice(0, 100_000);
    return Uint8Array.from(all);
  });

describe(`with WEIR_TEST_SEED=${seed}, both decoders agree`, () => {
  it.each<[string, fc.Arbitrary<Uint8Array>]>([
    ['sound requests', encoded(goodRef)],
    ['any requests', anyEncoded],
    ['requests whose bytes were changed', mutated],
    ['bytes', fc.uint8Array({ maxLength: 64 })],
    [
      'requests one behind the other, which are one',
      fc.tuple(anyEncoded, anyEncoded).map((two) => Buffer.concat(two)),
    ],
    [
      'bytes in the midst of others',
      anyEncoded.map((bytes) => {
        const all = Buffer.concat([Buffer.alloc(7, 0xff), bytes, Buffer.alloc(9, 0x0a)]);
        return all.subarray(7, 7 + bytes.length);
      }),
    ],
  ])('on %s', (_, bytes) => {
    fc.assert(fc.property(bytes, expectSame), { seed, numRuns: RUNS });
  });
});

const field = (no: number, bytes: Uint8Array) =>
  new BinaryWriter().tag(no, WireType.LengthDelimited).bytes(bytes).finish();
const ascii = (one: string) => new TextEncoder().encode(one);
const refOf = (...fields: Uint8Array[]) => field(1, Buffer.concat(fields));
const oneRef = refOf(field(1, ascii('DocChunk')), field(3, ascii('a')));

const odd: Record<string, Uint8Array> = {
  nothing: new Uint8Array(),
  'fields in another order': refOf(
    field(4, ascii('docs')),
    field(3, ascii('a')),
    field(1, ascii('T')),
  ),
  'fields that are repeated': refOf(
    ...['a', 'b'].flatMap((key) => [field(1, ascii('T')), field(3, ascii(key))]),
  ),
  'fields that nobody knows': Buffer.concat([oneRef, field(99, ascii('x'))]),
  'fields that nobody knows, in a ref': refOf(
    field(1, ascii('T')),
    field(9, ascii('x')),
    field(3, ascii('a')),
  ),
  'a ref that is empty': refOf(),
  'a ref between others': Buffer.concat([field(6, ascii('p')), oneRef, field(5, ascii('t'))]),
  'a purpose that is said twice': Buffer.concat([
    oneRef,
    field(6, ascii('a')),
    field(6, ascii('b')),
  ]),
  'a purpose that is taken back': Buffer.concat([
    oneRef,
    field(6, ascii('a')),
    field(6, ascii('')),
  ]),
  'two timeouts, which are one': Buffer.concat([
    oneRef,
    field(2, Uint8Array.of(8, 1)),
    field(2, Uint8Array.of(16, 5)),
  ]),
  'a timeout with what nobody knows': Buffer.concat([oneRef, field(2, Uint8Array.of(24, 1))]),
  'a timeout that reads past its end': Buffer.concat([oneRef, Uint8Array.of(0x12, 1, 16, 1, 16)]),
  'a timeout that is cut off': Buffer.concat([oneRef, field(2, Uint8Array.of(8))]),
  'a tag that is longer than it need be': Buffer.concat([
    Uint8Array.of(0x8a, 0),
    oneRef.subarray(1),
  ]),
  'a length that is longer than it need be': Buffer.concat([
    Uint8Array.of(0x0a, (oneRef[1] as number) | 0x80, 0),
    oneRef.subarray(2),
  ]),
  'a length past the end': Uint8Array.of(0x0a, 0x05, 0x0a, 0x01),
  'a length past the end of its ref': Uint8Array.of(0x0a, 0x02, 0x0a, 0x05, 0x61, 0x61, 0x61, 0x61),
  'a tag without a length at the end of its ref': Uint8Array.of(0x0a, 0x01, 0x1a, 0x00),
  'a quality that is cut off': Buffer.concat([oneRef, Uint8Array.of(0x19, 0, 0, 0)]),
  'a quality of another type': Buffer.concat([oneRef, Uint8Array.of(0x18, 1)]),
  'a text that is no UTF-8': refOf(field(1, ascii('T')), field(3, Uint8Array.of(0xff, 0xfe))),
  'a text cut off in a letter': refOf(field(1, ascii('T')), field(3, Uint8Array.of(0xc3))),
  'a text with half a surrogate pair': refOf(
    field(1, ascii('T')),
    field(3, Uint8Array.of(0xed, 0xa0, 0x80)),
  ),
  'a group': Uint8Array.of(0x0b, 0x0c),
  'the same type again, longer and shorter': Buffer.concat(
    ['Type', 'Typed', 'Type', 'Typ', ''].map((type) =>
      refOf(field(1, ascii(type)), field(3, ascii('a'))),
    ),
  ),
  '256 refs': Buffer.concat(Array.from({ length: 256 }, () => oneRef)),
  '257 refs': Buffer.concat(Array.from({ length: 257 }, () => oneRef)),
  '10,000 refs': Buffer.concat(Array.from({ length: 10_000 }, () => oneRef)),
  'a key of 1 KiB': refOf(field(1, ascii('T')), field(3, ascii('k'.repeat(1_024)))),
  'a key one byte longer': refOf(field(1, ascii('T')), field(3, ascii('k'.repeat(1_025)))),
  'a key of 20 KB': refOf(field(1, ascii('T')), field(3, ascii('k'.repeat(20_000)))),
};

it.each(Object.entries(odd))('both decoders agree on %s', (_, bytes) => expectSame(bytes));

it('refs past what a batch may hold are refused, whatever they are', () => {
  const unreadable = Buffer.concat([
    ...Array.from({ length: 256 }, () => oneRef),
    refOf(Uint8Array.of(0xff)),
  ]);
  expect(byHand(unreadable)).toHaveProperty('refused');
  expect(byLibrary(unreadable)).toHaveProperty('unreadable');
});
