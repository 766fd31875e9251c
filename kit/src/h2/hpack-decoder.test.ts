import { connect, type OutgoingHttpHeaders } from 'node:http2';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fieldOf } from './fields.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameFault, kind, preface, settingsFrame } from './frames.ts';
import { HpackDecoder } from './hpack-decoder.ts';

// WEIR_TEST_SEED sets another seed.

const seed = Number(process.env.WEIR_TEST_SEED || 1);
const LIST_MAX_BYTES = 64 * 1024;

/** The blocks of headers that a client of Node sends, one for each request: with a table, and in Huffman's code. */
async function blocksOf(requests: readonly OutgoingHttpHeaders[]): Promise<Buffer[]> {
  const blocks: Buffer[] = [];
  let prefaceLeft = preface.length;
  const reader = new FrameReader({
    data() {},
    frame: (head, bytes, from, to) => {
      // Node gives its first stream a priority, of five bytes.
      if (head.kind !== kind.headers) return;
      const start = (head.flags & 0x20) === 0 ? from : from + 5;
      blocks.push(Buffer.from(bytes.subarray(start, to)));
    },
  });
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      const cut = Math.min(prefaceLeft, chunk.length);
      prefaceLeft -= cut;
      reader.read(Buffer.from(chunk.subarray(cut)));
      done();
    },
  });
  wire.push(settingsFrame([]));
  const session = connect('http://x', {
    createConnection: () => wire,
    maxSendHeaderBlockLength: 2 ** 20,
  });
  session.on('error', () => {});
  for (const headers of requests) {
    const stream = session.request(headers, { endStream: true });
    stream.on('error', () => {});
  }
  while (blocks.length < requests.length) await new Promise(setImmediate);
  session.destroy();
  return blocks;
}

const name = fc.constantFrom('x-a', 'x-bb', 'accept', 'user-agent', 'grpc-timeout');
const value = fc.oneof(
  fc.constantFrom('', 'a', 'application/grpc', '9998m'),
  fc
    .string({ unit: fc.constantFrom(...'az09 ~|{\\}!"#&\'()*+,;<>@[]^`'), maxLength: 200 })
    .map((text) => text.trim()),
);
const request = fc.dictionary(name, value, { maxKeys: 6 });

it('decodes what Node encodes, with its table and its texts', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 30 }), async (requests) => {
      const decoder = new HpackDecoder(LIST_MAX_BYTES);
      const blocks = await blocksOf(requests);
      for (const [i, block] of blocks.entries()) {
        const { fields, isWhole } = decoder.decode(block, 0, block.length);
        const plain = fields.flatMap((text, at) => (at % 2 === 0 ? [[text, fields[at + 1]]] : []));
        const given = Object.fromEntries(plain.filter(([key]) => !key?.startsWith(':')));
        expect(given).toEqual({ ...requests[i] });
        expect(isWhole).toBe(true);
      }
    }),
    { seed, numRuns: 40 },
  );
}, 120_000);

it('decodes what we encode, whatever the bytes of a value', () => {
  const decoder = new HpackDecoder(LIST_MAX_BYTES);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const text = Buffer.from(bytes).toString('latin1');
      const block = Buffer.concat([
        fieldOf('content-type', text),
        fieldOf('x-other', text),
        fieldOf(':status', '200'),
      ]);
      const { fields } = decoder.decode(block, 0, block.length);
      expect(fields).toEqual(['content-type', text, 'x-other', text, ':status', '200']);
    }),
    { seed },
  );
});

it('bytes at random are decoded, or are a fault; never more than the bound comes of them', () => {
  const LIST = 2_000;
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }), (blocks) => {
      const decoder = new HpackDecoder(LIST);
      try {
        for (const block of blocks) {
          const { fields } = decoder.decode(Buffer.from(block), 0, block.length);
          expect(fields.join('').length).toBeLessThanOrEqual(LIST);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(FrameFault);
      }
    }),
    { seed, numRuns: 5_000 },
  );
});

it('a table that is filled again and again keeps to its size', () => {
  const decoder = new HpackDecoder(LIST_MAX_BYTES);
  const literal = (text: string) =>
    Buffer.concat([Buffer.of(0x40, 1, 0x61, text.length), Buffer.from(text)]);
  for (let i = 0; i < 1_000; i++) {
    const block = literal(`${i}`.padStart(67, '.'));
    decoder.decode(block, 0, block.length);
  }
  // An entry takes 100 bytes: 40 of them fit.
  const at = (index: number) => decoder.decode(Buffer.of(0x80 | index), 0, 1).fields[1];
  expect(at(62)).toMatch(/\.999$/);
  expect(at(101)).toMatch(/\.960$/);
  expect(() => at(102)).toThrow(FrameFault);
});

it.each([
  ['an index of nothing', [0x80]],
  ['an index beyond the tables', [0xff, 0x20]],
  ['an integer without an end', [0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]],
  ['a text longer than the block', [0x00, 0x01, 0x61, 0x05, 0x61]],
  ['a table larger than may be', [0x3f, 0xe2, 0x1f]],
  ['a size of the table behind a field', [0x82, 0x20]],
  ['a text with the end in it', [0x00, 0x01, 0x61, 0x84, 0xff, 0xff, 0xff, 0xff]],
  ['a text with eight bits of padding', [0x00, 0x01, 0x61, 0x82, 0x1f, 0xff]],
  ['a text padded with zeros', [0x00, 0x01, 0x61, 0x81, 0x18]],
])('%s is a fault', (_, bytes) => {
  const decoder = new HpackDecoder(LIST_MAX_BYTES);
  expect(() => decoder.decode(Buffer.from(bytes), 0, bytes.length)).toThrow(FrameFault);
});
