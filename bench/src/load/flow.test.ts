import { expect, it } from 'vitest';
import { runJob } from './run-job.ts';
import {
  answerGrpc,
  countsOf,
  freshBody,
  freshDigitsOf,
  jobFor,
  openHttp2Peer,
} from './testing.ts';

// What the peer does not take at once has to wait, and is sent unharmed.

/** Forty calls, all but at once. */
const burst = { load: { kind: 'open', rate: 2_000 }, durationMs: 20 } as const;

it('keeps to one stream at a time, and counts the time that calls wait for it', async () => {
  let now = 0;
  let most = 0;
  await using peer = await openHttp2Peer(
    (stream) => {
      now++;
      most = Math.max(most, now);
      setTimeout(() => {
        now--;
        answerGrpc(stream);
      }, 20);
    },
    { settings: { maxConcurrentStreams: 1 } },
  );
  const result = await runJob(jobFor(peer, { load: { kind: 'open', rate: 100 } }));
  expect(countsOf(result)).toEqual({ sent: 20, ok: 20, errors: {} });
  expect(most).toBe(1);
  // The last one waited for nineteen others, which came twice as fast as they could be answered.
  expect(result.latency.maxMs).toBeGreaterThan(19 * 20 + 20 - 190);
  // That is the peer's fault.
  expect(result.generator.sendLagMaxMs).toBeLessThan(result.latency.maxMs / 2);
});

it.each([
  ['small windows of streams', { initialWindowSize: 100 }, 1_000],
  ['bodies of more than a frame', { initialWindowSize: 1_000_000 }, 40_000],
  ['bodies of more than the window of the connection', {}, 100_000],
  ['no table of headers', { headerTableSize: 0 }, 1_000],
])('sends bodies whole: %s', async (_, settings, bytes) => {
  const bodies: Buffer[] = [];
  await using peer = await openHttp2Peer(
    (stream, body) => {
      bodies.push(body);
      answerGrpc(stream);
    },
    { settings },
  );
  const body = freshBody(bytes);
  const result = await runJob(jobFor(peer, { ...burst, traffic: { bodies: [body] } }));
  expect(countsOf(result)).toEqual({ sent: 40, ok: 40, errors: {} });
  expect(new Set(bodies.map((one) => one.length))).toEqual(new Set([5 + bytes]));
  const keys = bodies.map(freshDigitsOf);
  expect(new Set(keys).size).toBe(bodies.length);
  expect(bodies[0]?.subarray(30).equals(Buffer.from(body.bytes).subarray(25))).toBe(true);
});

it('goes on when the windows become smaller and wider again', async () => {
  let calls = 0;
  await using peer = await openHttp2Peer((stream) => {
    // A server of node:http2 lets no more than ten settings wait for our word.
    const round = Math.floor(++calls / 8);
    const initialWindowSize = round % 2 === 0 ? 65_535 : 10;
    if (calls % 8 === 0) stream.session?.settings({ initialWindowSize });
    answerGrpc(stream);
  });
  const result = await runJob(jobFor(peer, { ...burst, traffic: { bodies: [freshBody(1_000)] } }));
  expect(countsOf(result)).toEqual({ sent: 40, ok: 40, errors: {} });
});
