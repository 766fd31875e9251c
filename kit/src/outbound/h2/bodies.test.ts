import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { openTestAuthority } from '../../testing/certificates.ts';
import { flags, kinds } from '../../testing/http2-frames.ts';
import {
  FIRST_WINDOW,
  MEGABYTE,
  openNodePeer,
  openRawPeer,
  setInitialWindow,
  settings,
  TestSession,
  until,
  WINDOW_MAX,
  whole,
  windowUpdate,
} from './test-peers.ts';

// Bodies, and the windows that they keep to (RFC 9113, 5.2).

const { end } = flags;

/** Bytes that differ from place to place. */
function large(bytes: number, from: number): Buffer {
  const all = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at++) all[at] = from + at * 7 + (at >> 8);
  return all;
}

it('a body keeps to the windows, though they become negative', async () => {
  await using raw = await openRawPeer({ settings: setInitialWindow(0) });
  const body = Buffer.from(Array.from({ length: 5_000 }, (_, i) => i % 251));
  const answer = raw.ask(body);
  await raw.settle();
  expect([raw.sent(kinds.headers).length, raw.sentBytes(1)]).toEqual([1, 0]);
  raw.write(settings(setInitialWindow(1_000)));
  await raw.settle();
  expect(raw.sentBytes(1)).toBe(1_000);
  // Of 1,000 bytes that were sent it takes 10: 990 are owed.
  raw.write(settings(setInitialWindow(10)), windowUpdate(1, 990));
  await raw.settle();
  expect(raw.sentBytes(1)).toBe(1_000);
  raw.write(windowUpdate(1, 1));
  await raw.settle();
  expect(raw.sentBytes(1)).toBe(1_001);
  raw.write(settings(setInitialWindow(100_000)));
  await until(() => raw.sentBytes(1) === body.length);
  expect(Buffer.concat(raw.sent(kinds.data).map(({ payload }) => payload))).toEqual(body);
  expect(raw.sent(kinds.data).at(-1)?.flags).toBe(end);
  raw.write(whole(1, 'taken'));
  await until(() => answer.isOver);
  expect(answer.body).toBe('taken');
});

it('a stream whose window is shut holds up no other', async () => {
  await using raw = await openRawPeer({ settings: setInitialWindow(10) });
  raw.ask(Buffer.alloc(20));
  raw.ask(Buffer.alloc(20));
  await raw.settle();
  raw.write(windowUpdate(3, 10));
  await raw.settle();
  expect([raw.sentBytes(1), raw.sentBytes(3)]).toEqual([10, 20]);
});

it('an answer that ends before the request was sent ends the request', async () => {
  await using raw = await openRawPeer();
  const answer = raw.ask(Buffer.alloc(MEGABYTE));
  await until(() => raw.sentBytes(1) === FIRST_WINDOW);
  raw.write(whole(1, 'enough'));
  await until(() => answer.isOver);
  raw.write(windowUpdate(0, MEGABYTE), windowUpdate(1, MEGABYTE));
  await raw.settle();
  expect([answer.body, answer.ended]).toEqual(['enough', true]);
  expect(raw.sentBytes(1)).toBe(FIRST_WINDOW);
  expect(raw.sent(kinds.reset, 1)).toHaveLength(1);
  expect(raw.session.openStreams).toBe(0);
});

it('a body that a peer reads late is held back, and goes on when it reads', async () => {
  await using raw = await openRawPeer({ reads: false, settings: null });
  raw.peer.write(Buffer.concat([settings(setInitialWindow(WINDOW_MAX)), windowUpdate(0, 2 ** 30)]));
  const body = large(24 * MEGABYTE, 5);
  raw.ask(body);
  await until(() => raw.opened > 0 && raw.socket.writableLength > MEGABYTE / 2);
  expect(raw.socket.writableLength).toBeLessThan(MEGABYTE);
  await raw.read();
  await until(() => raw.sent(kinds.data).at(-1)?.flags === end);
  const came = Buffer.concat(raw.sent(kinds.data).map(({ payload }) => payload));
  expect(came.equals(body)).toBe(true);
}, 20_000);

it('what is over is not held for a peer that does not read', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await using raw = await openRawPeer({ reads: false, settings: null });
  raw.peer.write(Buffer.concat([settings(setInitialWindow(WINDOW_MAX)), windowUpdate(0, 2 ** 30)]));
  await until(() => raw.opened > 0);
  while (raw.socket.writableLength < MEGABYTE / 2) {
    raw.ask(Buffer.alloc(MEGABYTE));
    await new Promise(setImmediate);
  }
  const held = (() => {
    const body = new Uint8Array(MEGABYTE);
    raw.ask(body).stream?.cancel();
    return new WeakRef(body);
  })();
  raw.ask();
  for (let turn = 0; turn < 50 && held.deref(); turn++) {
    await new Promise(setImmediate);
    collect();
  }
  expect(held.deref()).toBeUndefined();
  expect(raw.closed).toEqual([]);
});

// Large ones, both ways.

it('large bodies go both ways at once, past all windows', async () => {
  await using node = await openNodePeer((stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': '1' }));
    stream.pipe(stream);
  });
  const bodies = [6, 3, 0.01, 12].map((megabytes, i) => large(megabytes * MEGABYTE, i));
  const answers = bodies.map((body) => node.test.ask(body));
  await until(() => answers.every(({ isOver }) => isOver));
  for (const [i, answer] of answers.entries()) {
    expect(answer.error).toBeUndefined();
    expect(Buffer.concat(answer.pieces).equals(bodies[i] as Buffer)).toBe(true);
    expect(answer.trailers).toEqual(['x-end', '1']);
  }
  expect(node.test.session.openStreams).toBe(0);
}, 20_000);

it('many answers share a session, and each is its own', async () => {
  await using node = await openNodePeer((stream) => {
    const body: Buffer[] = [];
    stream.on('data', (piece: Buffer) => body.push(piece));
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'x-bytes': `${Buffer.concat(body).length}` });
      stream.end(Buffer.concat(body));
    });
  });
  const bodies = Array.from({ length: 300 }, (_, i) => large((i * 997) % 70_000, i));
  const answers = bodies.map((body) => node.test.ask(body));
  await until(() => answers.every(({ isOver }) => isOver));
  for (const [i, answer] of answers.entries()) {
    expect(Buffer.concat(answer.pieces).equals(bodies[i] as Buffer)).toBe(true);
    const at = answer.head?.indexOf('x-bytes') ?? -1;
    expect(answer.head?.[at + 1]).toBe(`${bodies[i]?.length}`);
  }
}, 20_000);

it('large bodies go both ways over TLS', async () => {
  await using authority = await openTestAuthority();
  const server = createSecureServer({ ...(await authority.issue()) });
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const to = { port, host: '127.0.0.1', servername: 'localhost', ca: authority.ca };
  const test = new TestSession(connectTls({ ...to, ALPNProtocols: ['h2'] }));
  const bodies = [large(5 * MEGABYTE, 1), large(3 * MEGABYTE, 2)];
  const answers = bodies.map((body) => test.ask(body));
  await until(() => answers.every(({ isOver }) => isOver));
  const came = answers.map(({ pieces }, i) => Buffer.concat(pieces).equals(bodies[i] as Buffer));
  expect(came).toEqual([true, true]);
  test.session.close();
  await new Promise((resolve) => server.close(resolve));
}, 20_000);

it('a peer whose certificate nobody knows fails what is asked', async () => {
  await using authority = await openTestAuthority();
  const server = createSecureServer({ ...(await authority.issue()) });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const to = { port, host: '127.0.0.1', servername: 'localhost' };
  const test = new TestSession(connectTls({ ...to, ALPNProtocols: ['h2'] }));
  const answer = test.ask();
  await until(() => answer.isOver);
  expect(answer.error).toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  expect([test.opened, test.closed]).toEqual([0, [answer.error]]);
  await new Promise((resolve) => server.close(resolve));
});
