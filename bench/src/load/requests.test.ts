import type { IncomingHttpHeaders } from 'node:http2';
import { expect, it } from 'vitest';
import type { Traffic } from '../model.ts';
import { answerBytes } from '../values.ts';
import { runJob } from './run-job.ts';
import {
  answerGrpc,
  countsOf,
  freshBody,
  freshDigitsOf,
  grpcMessage,
  jobFor,
  openHttp2Peer,
} from './testing.ts';

it('sends the bodies by turns, with fresh keys that all differ', async () => {
  const bodies: Buffer[] = [];
  await using peer = await openHttp2Peer((stream, body) => {
    bodies.push(body);
    answerGrpc(stream);
  });
  const fixed = Buffer.from('always the same');
  const long = freshBody(200);
  const twice = { bytes: long.bytes, freshAt: [...long.freshAt, 100] };
  const freshFrom = 99_999_999_995;
  const result = await runJob(
    jobFor(peer, {
      traffic: { bodies: [freshBody(), twice, { bytes: fixed, freshAt: [] }] },
      freshFrom,
      load: { kind: 'open', rate: 150 },
    }),
  );
  expect(countsOf(result)).toEqual({ sent: 30, ok: 30, errors: {} });
  expect(bodies.filter((body) => body.equals(grpcMessage(fixed)))).toHaveLength(10);
  const second = bodies
    .filter((body) => body.length === 5 + 200)
    .map((body) => Number(body.toString('latin1', 5 + 100, 5 + 112)));
  const keys = [...bodies.map(freshDigitsOf).filter(Number.isFinite), ...second];
  expect(keys.toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 30 }, (_, index) => freshFrom + index),
  );
  expect(result.freshNext).toBe(freshFrom + 30);
});

async function headersOf(traffic: Partial<Traffic>): Promise<IncomingHttpHeaders[]> {
  const seen: IncomingHttpHeaders[] = [];
  await using peer = await openHttp2Peer((stream, _, headers) => {
    seen.push({ ...headers });
    stream.respond({ ':status': 200 });
    stream.end(answerBytes(1, 10));
  });
  await runJob(jobFor(peer, { traffic, durationMs: 20, timeoutMs: 1_234 }));
  return seen;
}

it('sends the headers of the protocol and of each head by turns', async () => {
  const long = 'x'.repeat(300);
  const heads: Traffic['heads'] = [[['authorization', 'Bearer one']], [['authorization', long]]];
  const grpc = await headersOf({ heads });
  expect(grpc).toHaveLength(4);
  expect(grpc[0]).toMatchObject({
    ':method': 'POST',
    ':scheme': 'http',
    ':path': '/weir.router.v1.RouterService/FetchContext',
    ':authority': expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': '1234m',
    'x-request-id': 'bench-000000',
    authorization: 'Bearer one',
  });
  expect(grpc[1]).toMatchObject({ 'x-request-id': 'bench-000001', authorization: long });
  expect(grpc[2]).toEqual(grpc[0]);
  const [connect] = await headersOf({ heads, protocol: 'connect' });
  expect(connect).toMatchObject({
    'content-type': 'application/proto',
    'connect-protocol-version': '1',
    'connect-timeout-ms': '1234',
  });
  expect(connect).not.toHaveProperty('te');
});
