import { expect, it } from 'vitest';
import { h2Error } from '../../h2/frames.ts';
import { flags, kinds } from '../../testing/http2-frames.ts';
import { ConnectionLost } from './faults.ts';
import {
  type Answer,
  data,
  fields,
  headers,
  MEGABYTE,
  ok,
  openRawPeer,
  type RawPeer,
  until,
  WIDENED,
  whole,
} from './test-peers.ts';

// What is told of an answer while its reader pauses, resumes and cancels, from within as well.

const { end, endHeaders } = flags;
const PIECE = Buffer.alloc(16_384, 'p');

/** An answer that is paused at its head. */
async function pausedAnswer(raw: RawPeer, react: (answer: Answer) => void): Promise<Answer> {
  let begun = false;
  const answer = await raw.asked(() => {
    if (begun) react(answer);
    else answer.stream?.pause();
    begun = true;
  });
  return answer;
}

it('nothing is told while it is paused, and all of it afterwards', async () => {
  await using raw = await openRawPeer();
  const answer = await pausedAnswer(raw, () => {});
  raw.write(ok(1), data(1, 'one '), data(1, 'two '), data(1, 'three'));
  raw.write(headers(1, fields('x-end', '1'), endHeaders | end));
  await raw.settle();
  expect([answer.bytes, answer.trailers, answer.isOver]).toEqual([0, undefined, false]);
  answer.stream?.resume();
  expect([answer.body, answer.trailers, answer.ended]).toEqual([
    'one two three',
    ['x-end', '1'],
    true,
  ]);
});

it('the peer is held by the window of a paused stream, and goes on with the reader', async () => {
  await using raw = await openRawPeer();
  const answer = await pausedAnswer(raw, () => {});
  raw.write(ok(1), ...Array.from({ length: 64 }, () => data(1, PIECE)));
  await raw.settle();
  expect([raw.widened(1), raw.widened(0) - WIDENED]).toEqual([0, 0]);
  answer.stream?.resume();
  await raw.settle();
  // It is told now and then.
  expect(raw.widened(1)).toBeGreaterThan(MEGABYTE / 2);
  expect(answer.bytes).toBe(MEGABYTE);
});

it('one that pauses at every piece and resumes from within loses nothing, and has nothing twice', async () => {
  await using raw = await openRawPeer();
  const answer = await pausedAnswer(raw, ({ stream }) => {
    stream?.pause();
    stream?.resume();
  });
  raw.write(ok(1), ...['a', 'b', 'c', 'd'].map((piece) => data(1, piece)), data(1, 'e', end));
  await raw.settle();
  answer.stream?.resume();
  expect([answer.body, answer.ended, answer.late]).toEqual(['abcde', true, 0]);
});

it('one that pauses at every piece has them one by one', async () => {
  await using raw = await openRawPeer();
  const answer = await pausedAnswer(raw, ({ stream }) => stream?.pause());
  raw.write(ok(1), data(1, 'a'), data(1, 'b'));
  await raw.settle();
  answer.stream?.resume();
  expect(answer.body).toBe('a');
  raw.write(data(1, 'c', end));
  await raw.settle();
  answer.stream?.resume();
  expect([answer.body, answer.ended]).toEqual(['ab', false]);
  answer.stream?.resume();
  expect([answer.body, answer.ended]).toEqual(['abc', false]);
  answer.stream?.resume();
  expect([answer.body, answer.ended]).toEqual(['abc', true]);
});

it('one that resumes at the trailers has them once', async () => {
  await using raw = await openRawPeer();
  let trailers = 0;
  const answer: Answer = await raw.asked((what) => {
    if (what !== 'trailers') return;
    trailers += 1;
    answer.stream?.resume();
  });
  raw.write(ok(1), headers(1, fields('x-end', '1'), endHeaders | end));
  await until(() => answer.isOver);
  expect([trailers, answer.ended, answer.late]).toEqual([1, true, 0]);
});

it('small pieces that wait are joined, in their order', async () => {
  await using raw = await openRawPeer();
  const answer = await pausedAnswer(raw, ({ stream, pieces }) => {
    if (pieces.length === 3) stream?.pause();
  });
  const texts = Array.from({ length: 10_000 }, (_, i) => String.fromCharCode(33 + (i % 90)));
  raw.write(ok(1), ...texts.map((text) => data(1, text)));
  await raw.settle();
  answer.stream?.resume();
  // What comes while some of it still waits.
  raw.write(...texts.map((text) => data(1, text)), data(1, '', end));
  await raw.settle();
  answer.stream?.resume();
  expect(answer.body).toBe(texts.join('') + texts.join(''));
  expect([answer.ended, answer.pieces.length < 600]).toEqual([true, true]);
});

it.each(['head', 'data', 'trailers'] as const)(
  'one that cancels at its %s is told nothing more',
  async (when) => {
    await using raw = await openRawPeer();
    const told: string[] = [];
    const answer: Answer = await raw.asked((what) => {
      told.push(what);
      if (what === when) answer.stream?.cancel();
    });
    const other = await raw.asked();
    const trailers = headers(1, fields('x-end', '1'), endHeaders | end);
    raw.write(ok(1), data(1, 'a'), trailers, data(1, 'b'), whole(3, 'fine'));
    await until(() => other.isOver);
    await raw.settle();
    const all = ['head', 'data', 'trailers'];
    expect(told).toEqual(all.slice(0, all.indexOf(when) + 1));
    expect(answer.isOver).toBe(false);
    // When all had come there was nothing to reset.
    const resets = raw.sent(kinds.reset).map(({ payload }) => payload.readUInt32BE());
    expect(resets).toEqual(when === 'trailers' ? [] : [h2Error.cancel]);
    expect([other.body, raw.session.openStreams]).toEqual(['fine', 0]);
  },
);

it('one that cancels amid what has waited gives each byte back once', async () => {
  await using raw = await openRawPeer();
  const SENT = 7 * 64 * PIECE.length;
  const answers: Answer[] = [];
  for (let i = 0; i < 7; i++) {
    answers.push(await pausedAnswer(raw, ({ stream }) => stream?.cancel()));
    raw.write(ok(2 * i + 1), ...Array.from({ length: 64 }, () => data(2 * i + 1, PIECE)));
  }
  await raw.settle();
  for (const { stream } of answers) stream?.resume();
  await raw.settle();
  expect(answers.map(({ pieces }) => pieces.length)).toEqual(Array(7).fill(1));
  const back = raw.widened(0) - WIDENED;
  expect(back).toBeLessThanOrEqual(SENT);
  // All of it but what is not told yet.
  expect(back).toBeGreaterThan(SENT - 2 * MEGABYTE);
});

it('one that is cancelled while it is paused gives back what has waited', async () => {
  await using raw = await openRawPeer();
  for (let i = 0; i < 20; i++) {
    const answer = await pausedAnswer(raw, () => {});
    raw.write(ok(2 * i + 1), ...Array.from({ length: 60 }, () => data(2 * i + 1, PIECE)));
    await raw.settle();
    answer.stream?.cancel();
    answer.stream?.cancel();
    answer.stream?.resume();
    expect(answer.bytes).toBe(0);
  }
  await raw.settle();
  expect(raw.closed).toEqual([]);
  expect(raw.sent(kinds.reset)).toHaveLength(20);
});

it('a paused answer that is whole outlives its connection', async () => {
  await using raw = await openRawPeer();
  const answer = await pausedAnswer(raw, () => {});
  raw.write(ok(1), data(1, 'all of it', end));
  await raw.settle();
  raw.peer.end();
  await until(() => raw.closed.length > 0);
  expect([answer.bytes, answer.isOver]).toEqual([0, false]);
  answer.stream?.resume();
  expect([answer.body, answer.ended]).toEqual(['all of it', true]);
});

it('a paused answer that is not whole fails with its connection', async () => {
  await using raw = await openRawPeer();
  const answer = await pausedAnswer(raw, () => {});
  raw.write(ok(1), data(1, 'some of it'));
  await raw.settle();
  raw.peer.end();
  await until(() => answer.isOver);
  answer.stream?.resume();
  expect([answer.bytes, answer.late]).toEqual([0, 0]);
  expect(answer.error).toBeInstanceOf(ConnectionLost);
});

it.each(['head', 'data', 'trailers'] as const)(
  'one that ends the session at its %s is told so, and nothing else',
  async (when) => {
    await using raw = await openRawPeer();
    const answer: Answer = await raw.asked((what) => {
      if (what === when) raw.session.destroy();
    });
    const other = await raw.asked();
    raw.write(ok(1), data(1, 'a'), headers(1, fields('x-end', '1'), endHeaders | end));
    raw.write(whole(3, 'late'));
    await until(() => answer.isOver && other.isOver);
    // Of one that is whole nothing is lost.
    if (when === 'trailers') expect(answer.ended).toBe(true);
    else expect(answer.error).toBeInstanceOf(ConnectionLost);
    expect([answer.late, other.late, other.head]).toEqual([0, 0, undefined]);
    expect(other.error).toBeInstanceOf(ConnectionLost);
  },
);
