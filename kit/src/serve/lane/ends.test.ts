import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { callerKey, requestIdKey } from '../../caller.ts';
import { reasonOf, refuse } from '../../errors.ts';
import {
  answerOf,
  beginCall,
  bodyOf,
  type CallProtocol,
  call,
  callProtocols,
  openConnection,
  prefixed,
  type RawCall,
} from '../../testing/raw-calls.ts';
import type { ServeOptions } from '../options.ts';
import { authorization } from '../test-server.ts';
import {
  batchOf,
  echo,
  expectNothingLeft,
  fetchPath,
  keysIn,
  type LaneCall,
  type LaneHandler,
  type LaneName,
  lanes,
  openLaneServer,
} from './test-lanes.ts';

// How calls end in either lane: late, given up, drained, refused, cut; and what is left of them.

const cases = lanes.flatMap((lane) => callProtocols.map((protocol) => [lane, protocol] as const));
const headersOf = { authorization, 'x-request-id': 'r-1' };

function asking(protocol: CallProtocol, key: string, more: Partial<RawCall> = {}): RawCall {
  const pieces = [bodyOf(protocol, batchOf(key))];
  return { protocol, path: fetchPath, pieces, ...more, headers: { ...headersOf, ...more.headers } };
}

const timeoutOf = (protocol: CallProtocol, ms: number) =>
  protocol === 'grpc' ? { 'grpc-timeout': `${ms}m` } : { 'connect-timeout-ms': String(ms) };

function closed(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => stream.once('close', resolve));
}

/** A handler that waits until it is told, or for ever. */
function waitingHandler() {
  const begun = Promise.withResolvers<LaneCall>();
  const go = Promise.withResolvers<void>();
  const handle: LaneHandler = async (request, one) => {
    if (request.refs[0]?.key !== 'wait') return echo(request, one);
    begun.resolve(one);
    await go.promise;
    return echo(request, one);
  };
  return { begun: begun.promise, go: go.resolve, handle };
}

interface Line {
  readonly code?: string;
  readonly msg?: string;
  readonly durationMs?: number;
  readonly err?: unknown;
}

function collectLog() {
  const lines: Line[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(JSON.parse(chunk.toString()));
      done();
    },
  });
  return { log: pino({ level: 'debug', base: null, timestamp: false }, sink), lines };
}

describe.each(cases)('in the lane %s, over %s', (lane, protocol) => {
  const open = (handle?: LaneHandler, options?: Partial<ServeOptions>) =>
    openLaneServer(lane, handle, options);

  it('a call whose handler takes too long is told so at its deadline', async () => {
    const { begun, handle } = waitingHandler();
    await using server = await open(handle);
    using session = openConnection(server.url);
    const startMs = performance.now();
    const headers = timeoutOf(protocol, 150);
    const answer = call(session, asking(protocol, 'wait', { headers }));
    const { signal, timeoutMs = Number.NaN } = await begun;
    expect(timeoutMs).toBeGreaterThan(0);
    expect(timeoutMs).toBeLessThanOrEqual(150);
    expect((await answer).error).toMatchObject({
      code: 'DeadlineExceeded',
      reason: 'REASON_DEADLINE_EXCEEDED',
      text: 'the operation timed out',
    });
    expect(performance.now() - startMs).toBeGreaterThan(140);
    await vi.waitFor(() => expect(signal.aborted).toBe(true));
    await expectNothingLeft(server);
  });

  it('a call whose message comes after its deadline is told so', async () => {
    await using server = await open();
    using session = openConnection(server.url);
    const headers = timeoutOf(protocol, 50);
    const sent = asking(protocol, 'a', { headers, pieces: [], ends: false });
    const stream = beginCall(session, sent);
    const answer = answerOf(stream, protocol);
    await sleep(150);
    if (!stream.destroyed) stream.end(bodyOf(protocol, batchOf('a')));
    expect((await answer).error).toMatchObject({ code: 'DeadlineExceeded' });
    await expectNothingLeft(server);
  });

  it.each([
    ['CANCEL', constants.NGHTTP2_CANCEL],
    ['no error', constants.NGHTTP2_NO_ERROR],
    ['INTERNAL_ERROR', constants.NGHTTP2_INTERNAL_ERROR],
    ['REFUSED_STREAM', constants.NGHTTP2_REFUSED_STREAM],
    ['a code that nobody knows', 0x77],
  ])('a call is given up with %s, and what it waits for is stopped', async (_, code) => {
    const { begun, handle, go } = waitingHandler();
    const { log, lines } = collectLog();
    await using server = await open(handle, { log });
    using session = openConnection(server.url);
    const stream = beginCall(session, asking(protocol, 'wait'));
    const { signal } = await begun;
    expect(signal.aborted).toBe(false);
    stream.close(code);
    await vi.waitFor(() => expect(signal.aborted).toBe(true));
    // What comes now is nobody's.
    go();
    await expectNothingLeft(server);
    const calls = lines.filter(({ msg }) => msg === 'call');
    expect(calls).toMatchObject([{ code: 'CANCELLED', level: 30 }]);
  });

  it('a connection is cut in the midst of a call', async () => {
    const { begun, handle, go } = waitingHandler();
    const { log, lines } = collectLog();
    await using server = await open(handle, { log });
    using session = openConnection(server.url);
    beginCall(session, asking(protocol, 'wait'));
    const { signal } = await begun;
    session.destroy();
    await vi.waitFor(() => expect(signal.aborted).toBe(true));
    go();
    await expectNothingLeft(server);
    expect(lines.filter(({ msg }) => msg === 'call')).toMatchObject([{ code: 'CANCELLED' }]);
  });

  it('a body that ends with a reset is no message, however it is called', async () => {
    const handled: string[] = [];
    await using server = await open((request, one) => {
      handled.push(...request.refs.map(({ key }) => key));
      return echo(request, one);
    });
    for (const code of [constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_CANCEL]) {
      using session = openConnection(server.url);
      const stream = beginCall(session, asking(protocol, 'a', { ends: false }));
      await once(stream, 'ready');
      stream.close(code);
      await closed(stream);
    }
    using session = openConnection(server.url);
    await call(session, asking(protocol, 'b'));
    expect(handled).toEqual(['b']);
    await expectNothingLeft(server);
  });

  it('a draining server answers what has come, and what still comes', async () => {
    const { begun, handle, go } = waitingHandler();
    await using server = await open(handle);
    using session = openConnection(server.url);
    const first = call(session, asking(protocol, 'wait'));
    await begun;
    // Behind what was read, what is sent leaves before anything more is read.
    await new Promise((resolve) => session.ping(resolve));
    const drained = server.drain(10_000);
    const second = call(session, asking(protocol, 'b'));
    expect(keysIn((await second).message)).toEqual(['b']);
    go();
    expect(keysIn((await first).message)).toEqual(['wait']);
    await drained;
  });

  it('a draining server ends what does not end in time', async () => {
    const { begun, handle } = waitingHandler();
    await using server = await open(handle);
    using session = openConnection(server.url);
    const answer = call(session, asking(protocol, 'wait'));
    const { signal } = await begun;
    await server.drain(100);
    expect((await answer).error).toEqual({
      code: 'Unavailable',
      text: 'the server is shutting down; call again',
      ...{ reason: 'REASON_OVERLOADED', domain: 'weir', retryDelayMs: 200, violations: [] },
      metadata: { request_id: 'r-1' },
    });
    expect(signal.aborted).toBe(true);
  });

  it('a call that finds no room is told when to come again, and leaves nothing behind', async () => {
    const { begun, handle, go } = waitingHandler();
    const limits = { callsAtWork: 1, defaultTimeoutMs: 300 };
    await using server = await open(handle, { limits });
    using session = openConnection(server.url);
    const first = call(session, asking(protocol, 'wait', { headers: timeoutOf(protocol, 9_000) }));
    await begun;
    const bodies = [{}, { pieces: [], ends: false }, { pieces: [Buffer.alloc(9)], ends: false }];
    for (const body of bodies) {
      const { status, error, requestId, retryAfter, message } = await call(
        session,
        asking(protocol, 'a', body),
      );
      expect(error).toMatchObject({ code: 'Unavailable', reason: 'REASON_OVERLOADED' });
      expect(error?.retryDelayMs).toBeGreaterThanOrEqual(500);
      expect(error?.metadata).toEqual({});
      expect({ status, requestId, message }).toEqual({
        ...{ status: protocol === 'grpc' ? 200 : 503, requestId: 'r-1', message: undefined },
      });
      expect(Number(retryAfter)).toBeGreaterThanOrEqual(1);
    }
    go();
    await first;
    await expectNothingLeft(server);
  });

  it('a refused caller who never ends the body is cut', async () => {
    const { begun, handle, go } = waitingHandler();
    const limits = { callsAtWork: 1, defaultTimeoutMs: 200 };
    await using server = await open(handle, { limits });
    using session = openConnection(server.url);
    const first = call(session, asking(protocol, 'wait', { headers: timeoutOf(protocol, 9_000) }));
    await begun;
    const stream = openForever(session, protocol, headersOf);
    await closed(stream);
    go();
    await first;
    await expectNothingLeft(server);
  });

  it.each([
    ['who is let in', authorization],
    ['who is not', 'Bearer bad'],
  ])('a body that never ends is cut, of one %s', async (_, credential) => {
    await using server = await open(echo, { limits: { defaultTimeoutMs: 200 } });
    using session = openConnection(server.url);
    const stream = openForever(session, protocol, { ...headersOf, authorization: credential });
    stream.write(bodyOf(protocol, batchOf('a')).subarray(0, 4));
    const drip = setInterval(() => stream.write(Buffer.alloc(1)), 50);
    await closed(stream);
    clearInterval(drip);
    expect(keysIn((await call(session, asking(protocol, 'b'))).message)).toEqual(['b']);
    await expectNothingLeft(server);
  });

  it('nothing is read of a call before it is let in', async () => {
    const asked = Promise.withResolvers<void>();
    const letIn = Promise.withResolvers<void>();
    const handled: string[] = [];
    await using server = await open(
      (request, one) => {
        handled.push(...request.refs.map(({ key }) => key));
        return echo(request, one);
      },
      {
        async gate({ values }) {
          asked.resolve();
          await letIn.promise;
          values.set(callerKey, undefined);
        },
      },
    );
    using session = openConnection(server.url);
    const gone = beginCall(session, asking(protocol, 'gone'));
    await asked.promise;
    const answer = call(session, asking(protocol, 'a'));
    await sleep(20);
    gone.close(constants.NGHTTP2_CANCEL);
    await sleep(20);
    letIn.resolve();
    expect(keysIn((await answer).message)).toEqual(['a']);
    expect(handled).toEqual(['a']);
    await expectNothingLeft(server);
  });

  it('whoever is not let in, after a while, is told so', async () => {
    await using server = await open(echo, {
      async gate() {
        await sleep(20);
        throw refuse(Reason.CREDENTIAL_INVALID, 'unknown');
      },
    });
    using session = openConnection(server.url);
    const { error } = await call(session, asking(protocol, 'a'));
    expect(error).toMatchObject({ code: 'Unauthenticated', text: 'unknown' });
    await expectNothingLeft(server);
  });

  it('what is to be done after a call is done once, when its answer has left or cannot', async () => {
    const done: string[] = [];
    const { begun, handle, go } = waitingHandler();
    await using server = await open((request, one) => {
      const [key = ''] = request.refs.map((ref) => ref.key);
      one.afterCall(() => done.push(key));
      return handle(request, one);
    });
    using session = openConnection(server.url);
    await call(session, asking(protocol, 'a'));
    await vi.waitFor(() => expect(done).toEqual(['a']));
    const stream = beginCall(session, asking(protocol, 'wait'));
    const late = await begun;
    expect(done).toEqual(['a']);
    stream.close(constants.NGHTTP2_CANCEL);
    await vi.waitFor(() => expect(done).toEqual(['a', 'wait']));
    late.afterCall(() => done.push('later'));
    expect(done).toEqual(['a', 'wait', 'later']);
    go();
    await expectNothingLeft(server);
    expect(done).toHaveLength(3);
  });

  it('a reader who takes nothing is cut', async () => {
    const large = 'x'.repeat(20_000);
    const answer: LaneHandler = () => ({
      results: [{ outcome: { case: 'item', value: { etag: large } } }],
    });
    await using server = await open(answer, { limits: { slowReaderMs: 100 } });
    using session = openConnection(server.url, { settings: { initialWindowSize: 0 } });
    const stream = beginCall(session, asking(protocol, 'a'));
    await closed(stream);
    expect(stream.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    await expectNothingLeft(server);
  });
});

/** A call whose body is never ended. */
function openForever(
  session: ClientHttp2Session,
  protocol: CallProtocol,
  headers: Record<string, string>,
): ClientHttp2Stream {
  const sent = { protocol, path: fetchPath, headers, pieces: [], ends: false };
  return beginCall(session, sent).resume();
}

/** What is written of calls, in the order of their ids. */
async function toldOf(lane: LaneName, protocol: CallProtocol) {
  const { log, lines } = collectLog();
  const failed: unknown[] = [];
  const { handle, begun } = waitingHandler();
  const large = { readMaxBytes: 10_000 };
  const server = await openLaneServer(
    lane,
    (request, one) => {
      if (request.refs[0]?.key === 'broken') throw new Error('hunter2');
      if (request.refs[0]?.key === 'refused') throw refuse(Reason.IN_USE, 'not so');
      return handle(request, one);
    },
    {
      ...{ log, limits: large },
      onFailed: ({ values, method, service, protocolName, requestMethod }, error) =>
        failed.push({
          ...{ id: values.get(requestIdKey), caller: values.get(callerKey)?.principal },
          ...{ method: method.name, service: service.typeName, protocolName, requestMethod },
          ...{ code: error.code, reason: reasonOf(error), text: error.rawMessage },
        }),
    },
  );
  const body = (bytes: Uint8Array) => ({ pieces: [bodyOf(protocol, bytes)] });
  const calls: Partial<RawCall>[] = [
    {},
    body(batchOf('refused')),
    body(batchOf('broken')),
    { headers: { authorization: 'Bearer bad' } },
    body(Buffer.from('\x0a\x7f', 'latin1')),
    body(Buffer.alloc(10_001)),
    { ...body(batchOf('wait')), headers: timeoutOf(protocol, 30) },
    protocol === 'grpc' ? { pieces: [prefixed(batchOf('a'), 1)] } : { pieces: [] },
  ];
  using session = openConnection(server.url);
  for (const [i, one] of calls.entries()) {
    const headers = { ...one.headers, 'x-request-id': `r-${i}` };
    await call(session, asking(protocol, 'a', { ...one, headers }));
  }
  const headers = { 'x-request-id': 'r-9' };
  const stream = beginCall(session, asking(protocol, 'wait', { headers }));
  await begun;
  await sleep(20);
  stream.close(constants.NGHTTP2_CANCEL);
  await vi.waitFor(() => expect(lines.filter(({ msg }) => msg === 'call')).toHaveLength(9));
  const text = await server.metrics.text();
  const counted = [...text.matchAll(/^rpc_server_duration_seconds_count.*$/gm)].map(
    ([line]) => line,
  );
  await server[Symbol.asyncDispose]();
  const told = lines
    .filter(({ msg }) => msg === 'call')
    .map(({ durationMs, err, ...line }) => ({ ...line, hasFault: err !== undefined }));
  return { told, failed, counted: counted.sort() };
}

it.each(callProtocols)('log, metrics and records are told the same over %s', async (protocol) => {
  const [fast, ...others] = await Promise.all(lanes.map((lane) => toldOf(lane, protocol)));
  for (const other of others) expect(other).toEqual(fast);
  expect(fast?.told.map(({ code }) => code)).toEqual([
    ...['OK', 'FAILED_PRECONDITION', 'INTERNAL', 'UNAUTHENTICATED', 'INVALID_ARGUMENT'],
    ...['RESOURCE_EXHAUSTED', 'DEADLINE_EXCEEDED'],
    ...[protocol === 'grpc' ? 'INTERNAL' : 'OK', 'CANCELLED'],
  ]);
  expect(fast?.failed).toHaveLength(protocol === 'grpc' ? 8 : 7);
});
