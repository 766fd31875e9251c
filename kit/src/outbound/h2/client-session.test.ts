import { once } from 'node:events';
import { expect, it, vi } from 'vitest';
import { h2Error } from '../../h2/frames.ts';
import { flags, frameOf, kinds, uint32 } from '../../testing/http2-frames.ts';
import { ConnectionLost } from './faults.ts';
import {
  Answer,
  bomb,
  data,
  FIRST_WINDOW,
  fields,
  goaway,
  headers,
  MEGABYTE,
  ok,
  openRawPeer,
  paddedData,
  reset,
  setInitialWindow,
  setMaxStreams,
  settings,
  until,
  WINDOW_MAX,
  whole,
  windowUpdate,
} from './test-peers.ts';

// What peers may do, and what becomes of it (RFC 9113).

const { end, endHeaders, ack, padded } = flags;

// Answers as they may be.

it('an answer has interim ones before it, padding, a priority, continuations and trailers', async () => {
  await using raw = await openRawPeer();
  const answer = await raw.asked();
  const first = Buffer.concat([Buffer.of(2), uint32(0), Buffer.of(16), fields(':status', '200')]);
  raw.write(
    headers(1, fields(':status', '100')),
    headers(1, fields(':status', '103', 'link', 'x')),
    headers(1, Buffer.concat([first, Buffer.alloc(2)]), padded | 0x20),
    frameOf(kinds.continuation, { stream: 1, payload: fields('server', 'y').subarray(0, 2) }),
    frameOf(kinds.continuation, {
      ...{ flags: endHeaders, stream: 1 },
      payload: fields('server', 'y').subarray(2),
    }),
    paddedData(1, 'whole', 200),
    frameOf(kinds.priority, { stream: 1, payload: Buffer.alloc(5) }),
    frameOf(200, { stream: 1, payload: Buffer.alloc(5) }),
    headers(1, fields('grpc-status', '0'), endHeaders | end),
  );
  await until(() => answer.isOver);
  expect(answer).toMatchObject({ head: [':status', '200', 'server', 'y'], body: 'whole' });
  expect(answer).toMatchObject({ trailers: ['grpc-status', '0'], ended: true, late: 0 });
});

it('large headers of one answer do not count for the next', async () => {
  await using raw = await openRawPeer();
  const value = 'x'.repeat(20_000);
  const block = fields(':status', '200', 'x-large', value);
  for (let stream = 1; stream < 20; stream += 2) {
    const answer = await raw.asked();
    raw.write(
      headers(stream, block.subarray(0, 16_000), end),
      frameOf(kinds.continuation, { flags: endHeaders, stream, payload: block.subarray(16_000) }),
    );
    await until(() => answer.isOver);
    expect(answer).toMatchObject({ head: [':status', '200', 'x-large', value], ended: true });
  }
});

it('the table of headers is kept over answers that are refused, and made smaller', async () => {
  await using raw = await openRawPeer();
  const answers = [await raw.asked(), await raw.asked(), await raw.asked(), await raw.asked()];
  const keep = Buffer.concat([Buffer.of(0x88, 0x40, 1, 0x61, 1, 0x62)]);
  answers[1]?.stream?.cancel();
  raw.write(
    // One that is refused, and one that nobody waits for: both leave an entry.
    headers(1, bomb),
    headers(3, keep, endHeaders | end),
    headers(5, Buffer.of(0x88, 0xbe), endHeaders | end),
    // The table is emptied, and is as large as before.
    headers(7, Buffer.concat([Buffer.of(0x20, 0x3f, 0xe1, 0x1f), keep, Buffer.of(0xbe)])),
    data(7, '', end),
  );
  await until(() => answers.every(({ isOver }, i) => i === 1 || isOver));
  expect(answers[0]?.error).toMatchObject({ reset: h2Error.calm });
  expect(answers[2]?.head).toEqual([':status', '200', 'a', 'b']);
  expect(answers[3]?.head).toEqual([':status', '200', 'a', 'b', 'a', 'b']);
  expect(answers[1]?.late).toBe(0);
});

it('an entry that the table was emptied of is none', async () => {
  await using raw = await openRawPeer();
  const answer = await raw.asked();
  raw.write(headers(1, Buffer.of(0x88, 0x40, 1, 0x61, 1, 0x62), endHeaders));
  raw.write(headers(1, Buffer.of(0x20, 0xbe), endHeaders | end));
  await until(() => answer.isOver);
  expect(answer.error).toMatchObject({ code: h2Error.compression });
});

it('padding is given back, in the connection and in the stream', async () => {
  await using raw = await openRawPeer();
  const answer = await raw.asked();
  const FRAMES = 20_000;
  const FRAME_BYTES = 1 + 1 + 255;
  raw.write(ok(1));
  for (let sent = 0; sent < FRAMES; sent += 500) {
    const left = () => MEGABYTE + raw.widened(1) - sent * FRAME_BYTES;
    await until(() => left() >= 500 * FRAME_BYTES);
    raw.write(...Array.from({ length: 500 }, () => paddedData(1, 'x', 255)));
  }
  raw.write(data(1, '', end));
  await until(() => answer.isOver);
  expect([answer.body.length, answer.ended]).toEqual([FRAMES, true]);
}, 15_000);

// Goodbyes and resets.

it('a goodbye refuses the streams behind the last one, and lets the others end', async () => {
  await using raw = await openRawPeer();
  const [first, second, third] = [await raw.asked(), await raw.asked(), await raw.asked()];
  raw.write(goaway(WINDOW_MAX, h2Error.none, 'soon'), goaway(3, h2Error.none));
  await until(() => third.isOver);
  expect(third.error).toMatchObject({ reset: h2Error.refusedStream });
  raw.write(goaway(1, h2Error.none));
  await until(() => second.isOver);
  const late = raw.ask();
  await until(() => late.isOver);
  expect(late.error).toBeInstanceOf(ConnectionLost);
  raw.write(whole(1, 'fine'));
  await until(() => first.isOver);
  expect([first.body, first.ended]).toEqual(['fine', true]);
  // It is told once.
  expect([raw.leaving, raw.closed]).toEqual([['soon'], []]);
});

it('a goodbye refuses what waits for room, whatever the last stream is', async () => {
  await using raw = await openRawPeer({ settings: setMaxStreams(1) });
  const first = await raw.asked();
  const waiting = raw.ask();
  raw.write(goaway(WINDOW_MAX, h2Error.none));
  await until(() => waiting.isOver);
  expect(waiting.error).toMatchObject({ reset: h2Error.refusedStream });
  raw.write(whole(1, 'fine'));
  await until(() => first.isOver);
  await raw.settle();
  expect([first.body, raw.sent(kinds.headers).length]).toEqual(['fine', 1]);
});

it('a goodbye with an error ends all, and tells the error', async () => {
  await using raw = await openRawPeer();
  const answer = await raw.asked();
  raw.write(goaway(1, h2Error.calm, 'too_many_pings'), whole(1, 'fine'));
  await until(() => answer.isOver);
  expect(answer.error).toBeInstanceOf(ConnectionLost);
  expect(answer.error).toMatchObject({ reason: h2Error.calm });
  expect([raw.leaving, raw.closed]).toEqual([['too_many_pings'], [answer.error]]);
});

it('a reset by the peer is told with its code, and is not answered', async () => {
  await using raw = await openRawPeer();
  const answer = await raw.asked();
  raw.write(ok(1), data(1, 'x'), reset(1, 77), reset(1, 77));
  await until(() => answer.isOver);
  await raw.settle();
  expect(answer.error).toMatchObject({ reset: 77 });
  expect([answer.late, raw.sent(kinds.reset)]).toEqual([0, []]);
});

it('a connection that ends fails what is open in it, and what is asked afterwards', async () => {
  await using raw = await openRawPeer();
  const answer = await raw.asked();
  raw.peer.end();
  await until(() => answer.isOver);
  const late = raw.ask();
  await until(() => late.isOver);
  expect([answer.error, late.error]).toEqual(Array(2).fill(expect.any(ConnectionLost)));
  expect(raw.closed).toEqual([answer.error]);
  expect(raw.session.openStreams).toBe(0);
});

it('a connection that breaks tells the error of the socket', async () => {
  await using raw = await openRawPeer();
  const answer = await raw.asked();
  raw.peer.resetAndDestroy();
  await until(() => answer.isOver);
  expect(answer.error).toMatchObject({ code: 'ECONNRESET' });
  expect(raw.closed).toEqual([answer.error]);
});

it('a ping is answered, and one of ours tells when its answer is there', async () => {
  await using raw = await openRawPeer();
  await raw.settle();
  let answered = 0;
  raw.session.ping(() => {
    answered += 1;
  });
  await until(() => raw.sent(kinds.ping).some((frame) => frame.flags === 0));
  expect(answered).toBe(0);
  const pong = frameOf(kinds.ping, { flags: ack, payload: Buffer.alloc(8) });
  raw.write(pong, pong);
  await raw.settle();
  expect(answered).toBe(1);
});

it('a session that closes says so, and its socket is gone even if the peer reads nothing', async () => {
  await using raw = await openRawPeer({ reads: false, settings: null });
  const asked = Array.from({ length: 8 }, () => raw.ask(Buffer.alloc(FIRST_WINDOW)));
  raw.peer.write(Buffer.concat([settings(setInitialWindow(MEGABYTE)), windowUpdate(0, 2 ** 30)]));
  for (let i = 0; i < 200; i++) asked.push(raw.ask(Buffer.alloc(MEGABYTE)));
  await until(() => raw.socket.writableLength > MEGABYTE / 2);
  // Only this one: sockets have clocks of their own.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    raw.session.close();
    expect(asked.every(({ error }) => error instanceof ConnectionLost)).toBe(true);
    await new Promise(setImmediate);
    expect(raw.socket.destroyed).toBe(false);
    vi.advanceTimersByTime(5_000);
    expect(raw.socket.destroyed).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});

it('a session that closes says goodbye, and ends', async () => {
  await using raw = await openRawPeer();
  const closed = once(raw.socket, 'close');
  raw.session.close();
  await closed;
  await until(() => raw.sent(kinds.goaway).length > 0);
  expect(raw.sent(kinds.goaway)[0]?.payload.readUInt32BE(4)).toBe(h2Error.none);
  expect(raw.closed).toEqual([expect.any(ConnectionLost)]);
});

// How many streams a peer takes.

it('streams wait while the peer takes no more, and go out in their order', async () => {
  await using raw = await openRawPeer({ settings: setMaxStreams(2) });
  const answers = Array.from({ length: 6 }, () => raw.ask());
  const sent = () => raw.sent(kinds.headers).map(({ stream }) => stream);
  await raw.settle();
  expect([sent(), raw.session.hasRoom]).toEqual([[1, 3], false]);
  // One that is cancelled while it waits is never sent.
  answers[2]?.stream?.cancel();
  raw.write(whole(3, 'b'));
  await raw.settle();
  expect(sent()).toEqual([1, 3, 7]);
  raw.write(reset(1, h2Error.cancel));
  await raw.settle();
  expect(sent()).toEqual([1, 3, 7, 9]);
  answers[3]?.stream?.cancel();
  await raw.settle();
  expect(sent()).toEqual([1, 3, 7, 9, 11]);
  expect(raw.sent(kinds.reset).map(({ stream }) => stream)).toEqual([7]);
  raw.write(whole(9, 'e'), whole(11, 'f'));
  await until(() => answers[5]?.ended === true);
  expect(answers.map(({ body }) => body)).toEqual(['', 'b', '', '', 'e', 'f']);
  expect([raw.session.openStreams, raw.session.hasRoom]).toEqual([0, true]);
});

it('streams wait for a peer that takes none, until it takes some', async () => {
  await using raw = await openRawPeer({ settings: setMaxStreams(0) });
  const [first, second, third] = [raw.ask(), raw.ask(), raw.ask()];
  third.stream?.cancel();
  await raw.settle();
  expect([raw.sent(kinds.headers), raw.session.openStreams]).toEqual([[], 2]);
  raw.write(settings(setMaxStreams(1)));
  await raw.settle();
  expect(raw.sent(kinds.headers).map(({ stream }) => stream)).toEqual([1]);
  raw.write(settings(setMaxStreams(0)), whole(1, 'a'));
  await until(() => first.isOver);
  await raw.settle();
  expect(raw.sent(kinds.headers)).toHaveLength(1);
  raw.write(settings(setMaxStreams(100)));
  await until(() => raw.sent(kinds.headers).length === 2);
  raw.write(whole(3, 'b'));
  await until(() => second.isOver);
  expect([first.body, second.body]).toEqual(['a', 'b']);
  expect(raw.sent(kinds.reset)).toEqual([]);
});

it('an answer to what was not sent yet costs the connection', async () => {
  await using raw = await openRawPeer({ settings: setMaxStreams(1) });
  const answers = [await raw.asked(), raw.ask()];
  raw.write(whole(3, 'b'));
  await until(() => raw.closed.length > 0);
  expect(raw.closed).toEqual([expect.objectContaining({ code: h2Error.protocol })]);
  expect(answers.map(({ error }) => error)).toEqual(Array(2).fill(raw.closed[0]));
});

it('a stream that is cancelled before it was sent is never heard of', async () => {
  await using raw = await openRawPeer();
  raw.ask().stream?.cancel();
  const answer = await raw.asked();
  raw.write(whole(3, 'x'));
  await until(() => answer.isOver);
  expect(raw.frames.filter(({ stream }) => stream === 1)).toEqual([]);
});

it('a request whose headers are too large is not sent, and harms no other', async () => {
  await using raw = await openRawPeer();
  const answer = new Answer();
  const more = ['x-large', 'x'.repeat(16_000)];
  raw.session.request({ head: Buffer.alloc(0), more, body: Buffer.alloc(0) }, answer);
  expect(answer.error).toBeUndefined();
  const other = await raw.asked();
  expect(answer.error?.message).toContain('headers');
  raw.write(whole(other.stream?.id ?? 0, 'fine'));
  await until(() => other.isOver);
  expect(other.body).toBe('fine');
});
