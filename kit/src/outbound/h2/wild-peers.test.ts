import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FrameFault } from '../../h2/frames.ts';
import { flags, frameOf, kinds, setting } from '../../testing/http2-frames.ts';
import {
  type Answer,
  bomb,
  data,
  fields,
  goaway,
  headers,
  ok,
  openRawPeer,
  paddedData,
  ping,
  type RawPeer,
  reset,
  settings,
  until,
  WIDENED,
  windowUpdate,
} from './test-peers.ts';

// Peers at random. WEIR_TEST_SEED sets another seed.

const seed = Number(process.env.WEIR_TEST_SEED || 1);
const { end, endHeaders, padded } = flags;

/** An answer as frames, its content cut at random, and what is to come of it. */
interface PlannedAnswer {
  readonly content: string;
  readonly trailers: boolean;
  frames(stream: number): Buffer[];
}

const plannedAnswer: fc.Arbitrary<PlannedAnswer> = fc
  .record({
    pieces: fc.array(fc.string({ maxLength: 300 }), { maxLength: 8 }),
    padding: fc.array(fc.option(fc.nat(20)), { minLength: 8, maxLength: 8 }),
    interim: fc.boolean(),
    trailers: fc.boolean(),
  })
  .map(({ pieces, padding, interim, trailers }) => ({
    trailers,
    content: Buffer.from(pieces.join('')).toString('latin1'),
    frames(stream) {
      const contents = pieces.map((piece, i) => {
        const bytes = padding[i] ?? null;
        return bytes === null ? data(stream, piece) : paddedData(stream, piece, bytes);
      });
      const last = trailers
        ? headers(stream, fields('x-of', `${stream}`), endHeaders | end)
        : data(stream, '', end);
      const first = interim ? [headers(stream, fields(':status', '103'))] : [];
      return [...first, ok(stream, 0, ['x-of', `${stream}`]), ...contents, last];
    },
  }));

/** Takes frames from the streams in turns that are given, each stream in its order. */
function interleaved(streams: readonly Buffer[][], turns: readonly number[]): Buffer {
  const left = streams.map((frames) => [...frames]);
  const mixed: Buffer[] = [];
  for (let turn = 0; left.some(({ length }) => length > 0); turn++) {
    const open = left.filter(({ length }) => length > 0);
    const at = (turns[turn % turns.length] ?? 0) % open.length;
    mixed.push(open[at]?.shift() as Buffer);
  }
  return Buffer.concat(mixed);
}

async function writeCut(raw: RawPeer, bytes: Buffer, cuts: readonly number[]): Promise<void> {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length];
  let from = 0;
  for (const to of ends.sort((a, b) => a - b)) {
    raw.peer.write(bytes.subarray(from, to));
    from = to;
    await new Promise(setImmediate);
  }
}

it(`answers come whole and in order, however they are cut and mixed, with WEIR_TEST_SEED=${seed}`, async () => {
  await using raw = await openRawPeer();
  let first = 1;
  await fc.assert(
    fc.asyncProperty(
      fc.array(plannedAnswer, { minLength: 1, maxLength: 6 }),
      fc.array(fc.nat(5), { minLength: 1, maxLength: 40 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
      async (planned, turns, cuts, pauses) => {
        let told = 0;
        const answers: Answer[] = [];
        for (const _ of planned) {
          const answer = await raw.asked(() => {
            told += 1;
            if (pauses[told % pauses.length] !== true) return;
            answer.stream?.pause();
            // At once, or later.
            if (told % 3 === 0) answer.stream?.resume();
            else setImmediate(() => answer.stream?.resume());
          });
          answers.push(answer);
        }
        const frames = planned.map((one, i) => one.frames(first + 2 * i));
        const ids = planned.map((_, i) => `${first + 2 * i}`);
        first += 2 * planned.length;
        await writeCut(raw, interleaved(frames, turns), cuts);
        await until(() => answers.every(({ isOver }) => isOver));
        expect(answers.map(({ body }) => body)).toEqual(planned.map(({ content }) => content));
        expect(answers.map(({ head }) => head)).toEqual(
          ids.map((id) => [':status', '200', 'x-of', id]),
        );
        expect(answers.map(({ trailers }) => trailers)).toEqual(
          ids.map((id, i) => (planned[i]?.trailers ? ['x-of', id] : undefined)),
        );
        expect(answers.map(({ ended, late }) => ended && late === 0)).not.toContain(false);
      },
    ),
    { seed, numRuns: 150, endOnFailure: true },
  );
}, 60_000);

const asked = fc.constantFrom(1, 1, 1, 3, 3, 5);
const anyStream = fc.oneof({ weight: 9, arbitrary: asked }, fc.constantFrom(0, 2, 7, 99));
const anyBlock = fc.oneof(
  fc.constantFrom(fields(':status', '200'), fields(':status', '100'), fields('a', 'b'), bomb),
  fc.uint8Array({ maxLength: 20 }),
);
/** What peers send. */
const plainFrame = fc.oneof(
  asked.map((stream) => ok(stream)),
  fc
    .tuple(asked, fc.nat(3_000), fc.constantFrom(0, 0, end))
    .map(([stream, bytes, flagged]) => data(stream, Buffer.alloc(bytes, 3), flagged)),
  asked.map((stream) => paddedData(stream, 'padded', stream)),
  asked.map((stream) => headers(stream, fields('x-end', '1'), endHeaders | end)),
  fc
    .tuple(asked, fc.integer({ min: 1, max: 70_000 }))
    .map(([id, bytes]) => windowUpdate(id, bytes)),
  fc.constantFrom(windowUpdate(0, 50_000), ping),
  fc.tuple(fc.constantFrom(1, 3, 4), fc.nat(70_000)).map(([id, to]) => settings(setting(id, to))),
);
/** What they should not, for the most part. */
const oddFrame = fc.oneof(
  fc
    .tuple(fc.nat(10), anyStream, fc.nat(255), fc.uint8Array({ maxLength: 30 }))
    .map(([kind, stream, flagged, payload]) => frameOf(kind, { flags: flagged, stream, payload })),
  fc
    .tuple(anyStream, anyBlock, fc.constantFrom(0, end, padded, endHeaders, endHeaders | end))
    .map(([stream, block, flagged]) => headers(stream, block, flagged)),
  fc.tuple(anyStream, fc.nat(2 ** 31)).map(([stream, bytes]) => windowUpdate(stream, bytes)),
  fc.tuple(fc.nat(7), fc.nat(2 ** 31)).map(([id, value]) => settings(setting(id, value))),
  fc.tuple(anyStream, fc.nat(12)).map(([stream, code]) => reset(stream, code)),
  fc.tuple(anyStream, fc.constantFrom(0, 0, 1)).map(([last, code]) => goaway(last, code)),
);
const anyBytes = fc.oneof(
  { weight: 30, arbitrary: plainFrame },
  { weight: 3, arbitrary: oddFrame },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }) },
);
/** What a listener does when it is told something. */
const anyDeed = fc.constantFrom('none', 'none', 'pause', 'resume', 'both', 'cancel', 'ask', 'end');

it(`bytes at random end an answer once, or are passed over, with WEIR_TEST_SEED=${seed}`, async () => {
  let refused = 0;
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyBytes, { maxLength: 60 }),
      fc.array(anyDeed, { minLength: 1, maxLength: 12 }),
      fc.nat(9).map((one) => one > 0),
      async (pieces, deeds, greets) => {
        await using raw = await openRawPeer(greets ? {} : { settings: null });
        const cancelled = new Set<Answer>();
        const answers: Answer[] = [];
        const ask = () => {
          const answer = raw.ask(Buffer.alloc(100_000), () => act(answer));
          answers.push(answer);
        };
        let told = 0;
        const act = (answer: Answer) => {
          told += 1;
          const deed = deeds[told % deeds.length];
          const { stream } = answer;
          if (deed === 'pause' || deed === 'both') stream?.pause();
          if (deed === 'resume' || deed === 'both') stream?.resume();
          if (deed === 'ask' && answers.length < 10) ask();
          if (deed === 'end' && told > 5) raw.session.close();
          if (deed !== 'cancel') return;
          cancelled.add(answer);
          stream?.cancel();
        };
        for (let i = 0; i < 3; i++) ask();
        await until(() => raw.sent(kinds.headers).length === 3);
        for (const piece of greets ? [ok(1), ok(3), ...pieces] : pieces) raw.peer.write(piece);
        await new Promise(setImmediate);
        for (const { stream } of answers) stream?.resume();
        raw.peer.end();
        await until(() => raw.closed.length > 0);
        // One that pauses at every piece is resumed as often.
        for (const _ of pieces) for (const { stream } of answers) stream?.resume();
        await new Promise(setImmediate);
        if (raw.closed[0] instanceof FrameFault) refused += 1;
        answered += answers.filter(({ ended }) => ended).length;
        for (const { late } of answers) expect(late).toBe(0);
        expect(answers.every((one) => one.isOver || cancelled.has(one))).toBe(true);
        expect([raw.closed.length, raw.session.openStreams]).toEqual([1, 0]);
        expect(raw.widened(0) - WIDENED).toBeLessThanOrEqual(
          pieces.reduce((sum, { length }) => sum + length, 0),
        );
      },
    ),
    { seed, numRuns: 300, endOnFailure: true },
  );
  // It was not all one or the other.
  expect(refused).toBeGreaterThan(30);
  expect(answered).toBeGreaterThan(30);
}, 60_000);
