import { once } from 'node:events';
import { expect, it } from 'vitest';
import { FrameFault, h2Error } from '../../h2/frames.ts';
import { flags, flood, frameOf, kinds, setting, uint32 } from '../../testing/http2-frames.ts';
import { StreamReset } from './faults.ts';
import {
  type Answer,
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
  ping,
  reset,
  setInitialWindow,
  setMaxStreams,
  settings,
  until,
  WINDOW_MAX,
  whole,
  windowUpdate,
} from './test-peers.ts';

// What peers may not do, and what it costs them (RFC 9113).

const { end, endHeaders, ack, padded } = flags;

// What costs the connection.

/** Sent by a peer that has greeted, and that has a request in stream 1. */
const connectionFaults: Record<string, readonly [code: number, frames: readonly Buffer[]]> = {
  'DATA of no stream': [h2Error.protocol, [data(0, 'x')]],
  'DATA of a stream that was not opened': [h2Error.protocol, [data(3, 'x')]],
  'padded DATA of a stream that was not opened': [h2Error.protocol, [paddedData(3, 'x', 2)]],
  'DATA of a stream of its own': [h2Error.protocol, [data(2, 'x')]],
  'an answer in no stream': [h2Error.protocol, [ok(0)]],
  'an answer in a stream that was not opened': [h2Error.protocol, [ok(3)]],
  'an answer in a stream of its own': [h2Error.protocol, [ok(2)]],
  'a reset of a stream that was not opened': [h2Error.protocol, [reset(3, h2Error.cancel)]],
  'a reset of no stream': [h2Error.protocol, [reset(0, h2Error.cancel)]],
  'a reset of three bytes': [
    h2Error.frameSize,
    [frameOf(kinds.reset, { stream: 1, payload: Buffer.alloc(3) })],
  ],
  'a window update of a stream that was not opened': [h2Error.protocol, [windowUpdate(3, 1)]],
  'a window update of nothing': [h2Error.protocol, [windowUpdate(0, 0)]],
  'a window update past the bound': [h2Error.flowControl, [windowUpdate(0, WINDOW_MAX)]],
  'a window update of five bytes': [
    h2Error.frameSize,
    [frameOf(kinds.windowUpdate, { payload: Buffer.alloc(5, 1) })],
  ],
  'settings of a stream': [h2Error.protocol, [frameOf(kinds.settings, { stream: 1 })]],
  'half a setting': [h2Error.frameSize, [settings(Buffer.alloc(7))]],
  'an acknowledgement with settings': [
    h2Error.frameSize,
    [frameOf(kinds.settings, { flags: ack, payload: setMaxStreams(1) })],
  ],
  'a window wider than can be': [h2Error.flowControl, [settings(setInitialWindow(2 ** 31))]],
  'settings that widen a wide window': [
    h2Error.flowControl,
    [windowUpdate(1, WINDOW_MAX - FIRST_WINDOW), settings(setInitialWindow(FIRST_WINDOW + 1))],
  ],
  'frames smaller than they may be': [h2Error.protocol, [settings(setting(5, 16_383))]],
  'a ping of seven bytes': [h2Error.frameSize, [frameOf(kinds.ping, { payload: Buffer.alloc(7) })]],
  'a ping of a stream': [
    h2Error.protocol,
    [frameOf(kinds.ping, { stream: 1, payload: Buffer.alloc(8) })],
  ],
  'a goodbye of seven bytes': [
    h2Error.protocol,
    [frameOf(kinds.goaway, { payload: Buffer.alloc(7) })],
  ],
  'a goodbye of a stream': [
    h2Error.protocol,
    [frameOf(kinds.goaway, { stream: 1, payload: Buffer.alloc(8) })],
  ],
  'a push': [
    h2Error.protocol,
    [frameOf(kinds.pushPromise, { flags: endHeaders, stream: 1, payload: uint32(2) })],
  ],
  'a continuation of nothing': [h2Error.protocol, [frameOf(kinds.continuation, { stream: 1 })]],
  'a continuation of another stream': [
    h2Error.protocol,
    [headers(1, fields(':status', '200'), 0), frameOf(kinds.continuation, { stream: 3 })],
  ],
  'another frame amid a block of headers': [
    h2Error.protocol,
    [headers(1, fields(':status', '200'), 0), ping],
  ],
  'DATA amid a block of headers': [
    h2Error.protocol,
    [headers(1, fields(':status', '200'), 0), data(1, 'x')],
  ],
  'a block of headers without a bound': [
    h2Error.calm,
    [
      headers(1, Buffer.alloc(16_384), 0),
      ...Array.from({ length: 8 }, () =>
        frameOf(kinds.continuation, { stream: 1, payload: Buffer.alloc(16_384) }),
      ),
    ],
  ],
  'a block that cannot be decoded': [h2Error.compression, [headers(1, Buffer.of(0x80))]],
  'a table larger than was allowed': [
    h2Error.compression,
    [headers(1, Buffer.of(0x3f, 0xe2, 0x1f))],
  ],
  'padding that no content holds': [
    h2Error.protocol,
    [headers(1, Buffer.alloc(0), endHeaders | padded)],
  ],
  'more padding than headers': [
    h2Error.protocol,
    [headers(1, Buffer.of(9, 0x88), endHeaders | padded)],
  ],
  'more padding than content': [
    h2Error.protocol,
    [ok(1), frameOf(kinds.data, { flags: padded, stream: 1, payload: Buffer.of(3, 0, 0) })],
  ],
  'a frame that is too long': [h2Error.frameSize, [data(1, Buffer.alloc(16_385))]],
};

it.each(Object.entries(connectionFaults))('%s costs the connection', async (_, [code, frames]) => {
  await using raw = await openRawPeer();
  const answer = await raw.asked();
  raw.write(...frames);
  await until(() => answer.isOver && raw.sent(kinds.goaway).length > 0);
  expect(answer.error).toBeInstanceOf(FrameFault);
  expect(answer.error).toMatchObject({ code });
  expect(raw.sent(kinds.goaway)[0]?.payload.readUInt32BE(4)).toBe(code);
  expect(raw.closed).toEqual([answer.error]);
  expect(raw.socket.destroyed).toBe(true);
});

const badGreetings: Record<string, readonly [code: number, bytes: Buffer]> = {
  'an answer of HTTP/1.1': [h2Error.frameSize, Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  'a ping before the settings': [h2Error.protocol, ping],
  'DATA before the settings': [h2Error.protocol, data(1, 'x')],
};

it.each(Object.entries(badGreetings))('%s costs the connection', async (_, [code, bytes]) => {
  await using raw = await openRawPeer({ settings: null });
  const answer = await raw.asked();
  raw.write(bytes);
  await until(() => answer.isOver);
  expect(answer.error).toMatchObject({ code });
  expect([raw.opened, raw.closed]).toEqual([0, [answer.error]]);
});

it('more than all answers together may hold unread costs the connection', async () => {
  await using raw = await openRawPeer();
  const answers: Answer[] = [];
  for (let i = 0; i < 9; i++) answers.push(await raw.asked());
  for (const { stream } of answers) stream?.pause();
  for (const { stream } of answers) {
    raw.write(ok(stream?.id ?? 0));
    for (let i = 0; i < 64; i++) raw.write(data(stream?.id ?? 0, Buffer.alloc(16_384)));
  }
  await until(() => raw.closed.length > 0);
  expect(raw.closed).toEqual([expect.objectContaining({ code: h2Error.flowControl })]);
  expect(answers.map(({ error }) => error)).toEqual(Array(9).fill(raw.closed[0]));
}, 20_000);

/** Frames without end, in a connection with a request in stream 1. */
const floods: Record<string, (i: number) => Buffer> = {
  settings: () => settings(setInitialWindow(10)),
  'empty DATA': (i) => (i === 0 ? ok(1) : data(1, '')),
  'padding only': (i) => (i === 0 ? ok(1) : paddedData(1, '', 0)),
  'empty continuations': (i) =>
    i === 0 ? headers(1, fields(':status', '200'), 0) : frameOf(kinds.continuation, { stream: 1 }),
};

it.each(Object.entries(floods))('a flood of %s is not borne', async (_, frame) => {
  await using raw = await openRawPeer();
  const answer = await raw.asked();
  expect(await flood(raw.peer, frame, 200_000)).toBe(true);
  expect(answer.error).toMatchObject({ code: h2Error.calm });
});

it('a flood of pings whose answers are not read is not borne', async () => {
  await using raw = await openRawPeer({ reads: false, settings: null });
  const pings = Buffer.concat(Array.from({ length: 900 }, () => ping));
  raw.peer.write(settings());
  for (let chunk = 0; raw.closed.length === 0 && chunk < 5_000; chunk++) {
    if (!raw.peer.write(pings))
      await Promise.race([once(raw.peer, 'drain'), once(raw.peer, 'close')]);
    await new Promise(setImmediate);
  }
  expect(raw.closed).toEqual([expect.objectContaining({ code: h2Error.calm })]);
});

it('frames behind the one that costs the connection are not read', async () => {
  await using raw = await openRawPeer({ settings: null });
  raw.reactToOpen = () => raw.session.destroy();
  raw.write(settings(), goaway(0, h2Error.none, 'bye'), settings());
  await until(() => raw.closed.length > 0);
  expect([raw.opened, raw.leaving]).toEqual([1, []]);
});

// What costs a stream.

/** Sent in stream 1. */
const streamFaults: Record<string, readonly [code: number, frames: readonly Buffer[]]> = {
  'DATA before headers': [h2Error.protocol, [data(1, 'x')]],
  'trailers without an end': [h2Error.protocol, [ok(1), ok(1)]],
  'an interim answer that ends': [
    h2Error.protocol,
    [headers(1, fields(':status', '103'), endHeaders | end)],
  ],
  'headers without a status': [h2Error.protocol, [headers(1, fields('server', 'x'))]],
  'headers of nothing': [h2Error.protocol, [headers(1, Buffer.alloc(0))]],
  'headers that are too many': [h2Error.calm, [headers(1, bomb)]],
  'trailers that are too many': [h2Error.calm, [ok(1), headers(1, bomb, endHeaders | end)]],
  'a window update of nothing': [h2Error.protocol, [windowUpdate(1, 0)]],
  'a window update past the bound': [h2Error.flowControl, [windowUpdate(1, WINDOW_MAX)]],
};

it.each(Object.entries(streamFaults))('%s cost the stream', async (_, [code, frames]) => {
  await using raw = await openRawPeer();
  const answer = await raw.asked();
  const other = await raw.asked();
  raw.write(...frames, whole(3, 'fine'));
  await until(() => other.isOver);
  await raw.settle();
  expect(answer.error).toBeInstanceOf(StreamReset);
  expect(answer.error).toMatchObject({ reset: code });
  expect(raw.sent(kinds.reset).map(({ payload }) => payload.readUInt32BE())).toEqual([code]);
  expect([other.body, other.ended]).toEqual(['fine', true]);
});

it('more than an answer may hold unread costs the stream', async () => {
  await using raw = await openRawPeer();
  const answer = await raw.asked(() => answer.stream?.pause());
  raw.write(ok(1), ...Array.from({ length: 64 }, () => data(1, Buffer.alloc(16_384))));
  await raw.settle();
  expect(answer.isOver).toBe(false);
  raw.write(data(1, 'x'));
  await until(() => answer.isOver);
  expect(answer.error).toMatchObject({ reset: h2Error.flowControl });
  expect(raw.session.openStreams).toBe(0);
});

it('a peer that does in every stream what it may not loses the connection', async () => {
  await using raw = await openRawPeer();
  let asked = 0;
  while (raw.closed.length === 0 && asked < 2_000) {
    const answer = await raw.asked();
    asked += 1;
    raw.write(data(2 * asked - 1, 'x'));
    await until(() => answer.isOver);
  }
  expect(raw.closed).toEqual([expect.objectContaining({ code: h2Error.calm })]);
  expect(asked).toBeGreaterThan(1_000);
});

it('what came of answers that were refused counts as read', async () => {
  await using raw = await openRawPeer();
  const STREAMS = 700;
  const content = Buffer.alloc(16_384);
  // More than the window of the connection.
  for (let i = 0; i < STREAMS; i++) {
    const answer = await raw.asked();
    raw.write(data(2 * i + 1, content));
    await until(() => answer.isOver);
  }
  const last = await raw.asked();
  raw.write(whole(2 * STREAMS + 1, 'fine'));
  await until(() => last.isOver);
  expect(last.body).toBe('fine');
  expect(raw.widened(0)).toBeGreaterThan((STREAMS - 1) * content.length - 2 * MEGABYTE);
});

it('what comes behind the end of an answer is nobody’s, and is passed over', async () => {
  await using raw = await openRawPeer();
  const answer = await raw.asked();
  const other = await raw.asked();
  raw.write(whole(1, 'a'), data(1, 'b'), ok(1, end), windowUpdate(1, 5), reset(1, h2Error.cancel));
  raw.write(whole(3, 'c'));
  await until(() => other.isOver);
  expect([answer.body, answer.ended, answer.late]).toEqual(['a', true, 0]);
  expect([other.body, other.ended]).toEqual(['c', true]);
});
