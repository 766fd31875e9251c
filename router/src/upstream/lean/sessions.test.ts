import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { testOutbound } from '../../../test/provider-server.ts';
import { createProviderClient } from './client.ts';
import { framed } from './frames.ts';
import { openSessions } from './sessions.ts';

const body = framed(new Uint8Array(0));

async function openPair(
  answer: (stream: ServerHttp2Stream) => void,
  maxConcurrentStreams?: number,
) {
  const peers: ServerHttp2Session[] = [];
  const server = createServer(
    maxConcurrentStreams === undefined ? {} : { settings: { maxConcurrentStreams } },
  );
  server.on('session', (session) => {
    peers.push(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    answer(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sessions = openSessions(testOutbound(), url);
  const client = createProviderClient(url, sessions);
  return {
    peers,
    sessions,
    async ask(): Promise<boolean> {
      const call = { method: 'fetch', body, timeoutMs: 10_000, headers: [] } as const;
      try {
        return (await client.call(call, { decode: String }).next()).done === true;
      } catch {
        return false;
      }
    },
    async [Symbol.asyncDispose]() {
      sessions.abort();
      for (const peer of peers) peer.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answerAtOnce(stream: ServerHttp2Stream): void {
  const headers = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' };
  stream.respond(headers, { endStream: true });
}

test('calls share one session', async () => {
  await using pair = await openPair(answerAtOnce);
  expect(await Promise.all(Array.from({ length: 50 }, pair.ask))).not.toContain(false);
  expect(pair.peers).toHaveLength(1);
});

test('where a peer takes few streams at once, there are more sessions', async () => {
  const held: ServerHttp2Stream[] = [];
  await using pair = await openPair((stream) => void held.push(stream), 2);
  const first = pair.ask();
  while (held.length < 1) await new Promise((resolve) => setImmediate(resolve));
  const more = Array.from({ length: 5 }, pair.ask);
  while (held.length < 6) await new Promise((resolve) => setImmediate(resolve));
  expect(pair.peers).toHaveLength(3);
  held.forEach(answerAtOnce);
  expect(await Promise.all([first, ...more])).not.toContain(false);
});

test('a session that says goodbye ends what goes on in it, and the next call has another', async () => {
  const held: ServerHttp2Stream[] = [];
  await using pair = await openPair((stream) => void held.push(stream));
  const first = pair.ask();
  while (held.length < 1) await new Promise((resolve) => setImmediate(resolve));
  held[0]?.session?.goaway(0);
  // Answered after the goodbye has been read.
  await new Promise((resolve) => held[0]?.session?.ping(resolve));
  const second = pair.ask();
  while (held.length < 2) await new Promise((resolve) => setImmediate(resolve));
  expect(pair.peers).toHaveLength(2);
  held.forEach(answerAtOnce);
  expect(await Promise.all([first, second])).toEqual([true, true]);
});

test('a peer that goes away at any moment ends no process, and is found again', async () => {
  await using pair = await openPair(answerAtOnce);
  let answered = 0;
  for (let round = 0; round < 120; round++) {
    if (await pair.ask()) answered++;
    for (const peer of pair.peers.splice(0)) peer.destroy();
    const asks: Promise<void>[] = [];
    for (let call = 0; call < 4; call++) {
      for (let turn = 0; turn < round % 6; turn++) await new Promise(setImmediate);
      asks.push(
        pair.ask().then((ok) => {
          if (ok) answered++;
        }),
      );
    }
    await Promise.all(asks);
  }
  expect(answered).toBeGreaterThan(200);
});

test('a peer that takes no calls, and hangs up, is not called for ever', async () => {
  await using pair = await openPair(() => {}, 0);
  const hangUp = setInterval(() => {
    for (const peer of pair.peers) peer.destroy();
  }, 5);
  expect(await pair.ask()).toBe(false);
  clearInterval(hangUp);
  const opened = pair.peers.length;
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(pair.peers).toHaveLength(opened);
  expect(opened).toBeLessThan(32);
});

test('calls end with the sessions', async () => {
  await using pair = await openPair(() => {});
  const asked = [pair.ask(), pair.ask()];
  pair.sessions.abort();
  expect(await Promise.all(asked)).toEqual([false, false]);
});
