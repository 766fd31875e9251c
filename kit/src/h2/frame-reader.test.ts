import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FrameReader } from './frame-reader.ts';
import { FrameFault, flag, frameOf, kind } from './frames.ts';

// WEIR_TEST_SEED sets another seed.

const seed = Number(process.env.WEIR_TEST_SEED || 1);

/** What comes of bytes in these pieces: pieces of the same DATA frames are joined. */
function read(pieces: readonly Buffer[]): string[] {
  const told: string[] = [];
  let data = '';
  const reader = new FrameReader({
    data(stream, piece, ends) {
      data += piece.toString('hex');
      if (!ends) return;
      told.push(`data ${stream} ${data}`);
      data = '';
    },
    frame: (head, bytes, from, to) =>
      void told.push(`${JSON.stringify(head)} ${bytes.subarray(from, to).toString('hex')}`),
  });
  for (const piece of pieces) reader.read(piece);
  return told;
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const ends = [...at.map((one) => one % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}

const frame = fc
  .tuple(fc.nat(12), fc.nat(0x7fffffff), fc.uint8Array({ maxLength: 40 }), fc.nat(255))
  .map(([of, stream, content, flags]) =>
    frameOf(of, stream, content, of === kind.data ? flags | flag.end : flags),
  );

it('frames are the same, wherever the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 12 }),
      fc.array(fc.nat(), { maxLength: 30 }),
      (all, at) => {
        const bytes = Buffer.concat(all);
        const whole = read([bytes]);
        expect(whole).toHaveLength(all.length);
        expect(read(cut(bytes, at))).toEqual(whole);
        expect(read([...bytes].map((byte) => Buffer.of(byte)))).toEqual(whole);
      },
    ),
    { seed },
  );
});

it('a frame that is too long is a fault as soon as its head is there', () => {
  expect(() => read([Buffer.from([0, 0x40, 1, 0, 0, 0, 0, 0, 1])])).toThrow(FrameFault);
});
