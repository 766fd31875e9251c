import { gzipSync } from 'node:zlib';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refuse } from '../../errors.ts';
import {
  bodyOf,
  call,
  callProtocols,
  openConnection,
  prefixed,
  type RawAnswer,
  type RawCall,
} from '../../testing/raw-calls.ts';
import { authorization, type TestServer } from '../test-server.ts';
import {
  batchOf,
  echo,
  fetchPath,
  keysIn,
  type LaneHandler,
  type LaneName,
  lanes,
  openLaneServer,
} from './test-lanes.ts';

// What is sent is answered alike in both lanes: every test sends the same bytes to a server with the
// fast lane and to one without, and compares what came back.

const READ_MAX_BYTES = 4 * 1024 * 1024;
/** What a batch of one long key takes beside it. */
const overheadBytes = batchOf('k'.repeat(READ_MAX_BYTES)).length - READ_MAX_BYTES;
const HEADERS_MAX_BYTES = 16 * 1024;

const handle: LaneHandler = (request, one) => {
  const [key] = request.refs.map((ref) => ref.key);
  if (key === 'refused') {
    throw refuse(Reason.SNAPSHOT_BEHIND, 'not yet: 50 % “so”', {
      retryDelayMs: 1_234,
      metadata: { scope: 'x' },
      violations: [{ field: 'refs[0].key', description: 'odd' }],
    });
  }
  if (key === 'broken') throw new Error('hunter2');
  if (key === 'rejected') return Promise.reject(refuse(Reason.RATE_EXCEEDED, 'too fast'));
  if (key === 'large') return { results: [{ outcome: { case: 'item', value: { etag: large } } }] };
  if (key === 'later')
    return new Promise((resolve) => setImmediate(() => resolve(echo(request, one))));
  return echo(request, one);
};
const noGzip = Buffer.from('not gzip at all');
const large = 'x'.repeat(200_000);

const servers = new Map<LaneName, TestServer>();

beforeAll(async () => {
  for (const lane of lanes) servers.set(lane, await openLaneServer(lane, handle));
});

afterAll(async () => {
  for (const server of servers.values()) await server[Symbol.asyncDispose]();
});

type Sent = Omit<RawCall, 'path' | 'protocol'> & { readonly path?: string };

/** Sends it on a connection of its own. */
async function ask(lane: LaneName, protocol: RawCall['protocol'], sent: Sent): Promise<RawAnswer> {
  using session = openConnection(servers.get(lane)?.url ?? '');
  const headers = { authorization, 'x-request-id': 'r-1', ...sent.headers };
  return await call(session, { protocol, path: fetchPath, ...sent, headers });
}

/** How an error without a message is framed is the lane's. */
function comparable(answer: RawAnswer | undefined) {
  return { ...answer, message: answer?.message?.toString('base64'), trailersOnly: false };
}

describe.each(callProtocols)('over %s', (protocol) => {
  const isGrpc = protocol === 'grpc';
  const timeout = isGrpc ? 'grpc-timeout' : 'connect-timeout-ms';
  const encoding = isGrpc ? 'grpc-encoding' : 'content-encoding';
  const body = (message: Uint8Array) => bodyOf(protocol, message);
  const good = body(batchOf('a', 'b'));

  /** Asks all lanes, whose answers must be one; returns it, and whether the fast lane had it. */
  async function askAll(sent: Sent): Promise<RawAnswer> {
    const [fast, ...others] = await Promise.all(lanes.map((lane) => ask(lane, protocol, sent)));
    for (const other of others) expect(comparable(other)).toEqual(comparable(fast));
    return fast as RawAnswer;
  }

  describe('a call is answered', () => {
    const answered: Record<string, Sent> = {
      'as usual': { pieces: [good] },
      'late in the turn': { pieces: [body(batchOf('later'))] },
      'in single bytes': { pieces: [...good].map((byte) => Buffer.of(byte)) },
      'after empty pieces': { pieces: [Buffer.alloc(0), good, Buffer.alloc(0)] },
      'with an answer larger than a frame': { pieces: [body(batchOf('large'))] },
      'with an id of its own': { pieces: [good], headers: { 'x-request-id': 'Other.id_2' } },
      'with a deadline': { pieces: [good], headers: { [timeout]: isGrpc ? '5S' : '5000' } },
      'with a deadline beyond the longest': {
        pieces: [good],
        headers: { [timeout]: isGrpc ? '99999999H' : '9999999999' },
      },
      'with the encoding "identity"': { pieces: [good], headers: { [encoding]: 'identity' } },
      compressed: {
        headers: { [encoding]: 'gzip' },
        pieces: [isGrpc ? prefixed(gzipSync(batchOf('a')), 1) : gzipSync(batchOf('a'))],
      },
      'with headers that nobody knows': {
        pieces: [good],
        headers: { 'x-other': 'ü', a: ['1', '2'] },
      },
      'with "bearer" in small letters': {
        pieces: [good],
        headers: { authorization },
      },
      'with the type in capitals': {
        pieces: [good],
        headers: { 'content-type': isGrpc ? 'application/GRPC' : 'application/PROTO' },
      },
      'up to the largest message': {
        pieces: [body(batchOf('k'.repeat(READ_MAX_BYTES - overheadBytes)))],
      },
      'with headers up to the limit': {
        pieces: [good],
        headers: { 'x-large': 'x'.repeat(HEADERS_MAX_BYTES - 500) },
      },
      ...(isGrpc && {
        'with the short content type': {
          pieces: [good],
          headers: { 'content-type': 'application/grpc' },
        },
        'with flags that mean nothing': { pieces: [prefixed(batchOf('a'), 0x82)] },
        'with the message empty': { pieces: [prefixed(Buffer.alloc(0))] },
      }),
      ...(!isGrpc && {
        'with a promised length': {
          pieces: [good],
          headers: { 'content-length': String(good.length) },
        },
        'with the version of Connect': {
          pieces: [good],
          headers: { 'connect-protocol-version': '1' },
        },
        'without a body': {},
      }),
    };
    it.each(Object.entries(answered))('%s', async (_, sent) => {
      const { status, error, message, resetCode } = await askAll(sent);
      expect({ status, error, resetCode }).toEqual({ status: 200, error: undefined, resetCode: 0 });
      expect(message).toBeDefined();
    });

    it('with what was asked for, in both lanes', async () => {
      const { message, contentType, requestId } = await askAll({ pieces: [good] });
      expect(keysIn(message)).toEqual(['a', 'b']);
      expect(contentType).toBe(isGrpc ? 'application/grpc+proto' : 'application/proto');
      expect(requestId).toBe('r-1');
    });
  });

  describe('a call is refused', () => {
    const promised = (length: number) =>
      isGrpc
        ? { pieces: [prefixed(Buffer.alloc(0), 0, length)], ends: false }
        : { headers: { 'content-length': String(length) }, ends: false };
    const refusals: Record<string, [Sent, code: string, reason: string | undefined]> = {
      'by its handler': [
        { pieces: [body(batchOf('refused'))] },
        'Unavailable',
        'REASON_SNAPSHOT_BEHIND',
      ],
      'by its handler, later': [
        { pieces: [body(batchOf('rejected'))] },
        'ResourceExhausted',
        'REASON_RATE_EXCEEDED',
      ],
      'for a fault of ours': [{ pieces: [body(batchOf('broken'))] }, 'Internal', 'REASON_INTERNAL'],
      'without a credential': [
        { pieces: [good], headers: { authorization: undefined } },
        'Unauthenticated',
        'REASON_CREDENTIAL_INVALID',
      ],
      'with a bad one': [
        { pieces: [good], headers: { authorization: 'Bearer bad' } },
        'Unauthenticated',
        'REASON_CREDENTIAL_INVALID',
      ],
      'with two': [
        { pieces: [good], headers: { authorization: [authorization, authorization] } },
        'Unauthenticated',
        'REASON_CREDENTIAL_INVALID',
      ],
      'with one of another scheme': [
        { pieces: [good], headers: { authorization: 'Basic Z29vZA==' } },
        'Unauthenticated',
        'REASON_CREDENTIAL_INVALID',
      ],
      'without a credential, before its body has come': [
        { headers: { authorization: undefined }, ends: false },
        'Unauthenticated',
        'REASON_CREDENTIAL_INVALID',
      ],
      'for a message that is none': [
        { pieces: [body(Buffer.from('\x0a\x7f', 'latin1'))] },
        'InvalidArgument',
        'REASON_MALFORMED_REQUEST',
      ],
      'for a text that is no UTF-8': [
        { pieces: [body(Buffer.from('\x0a\x04\x1a\x02\xff\xfe', 'latin1'))] },
        'InvalidArgument',
        'REASON_MALFORMED_REQUEST',
      ],
      'for a message one byte too large': [
        { pieces: [body(Buffer.alloc(READ_MAX_BYTES + 1))] },
        'ResourceExhausted',
        'REASON_MESSAGE_TOO_LARGE',
      ],
      'for the promise of one': [
        promised(READ_MAX_BYTES + 1),
        'ResourceExhausted',
        'REASON_MESSAGE_TOO_LARGE',
      ],
      'for a compression that nobody knows': [
        { pieces: [good], headers: { [encoding]: 'zstd' } },
        'Unimplemented',
        'REASON_UNSUPPORTED',
      ],
      'for a body that is not compressed as it says': [
        { pieces: [isGrpc ? prefixed(noGzip, 1) : noGzip], headers: { [encoding]: 'gzip' } },
        'InvalidArgument',
        'REASON_MALFORMED_REQUEST',
      ],
      'for a deadline of 0': [
        { pieces: [good], headers: { [timeout]: isGrpc ? '0S' : '0' } },
        'DeadlineExceeded',
        'REASON_DEADLINE_EXCEEDED',
      ],
      ...Object.fromEntries(
        ['x', '-5', '1e9', '', '999999999999', '1 S', '5s'].map((value) => [
          `for the deadline "${value}"`,
          [
            { pieces: [good], headers: { [timeout]: value } },
            'InvalidArgument',
            'REASON_MALFORMED_REQUEST',
          ],
        ]),
      ),
      'for two deadlines': [
        { pieces: [good], headers: { [timeout]: ['5', '6'] } },
        'InvalidArgument',
        'REASON_MALFORMED_REQUEST',
      ],
      ...(isGrpc &&
        ({
          'without a message': [{}, 'Unimplemented', 'REASON_UNSUPPORTED'],
          'for half a prefix': [
            { pieces: [Buffer.alloc(3)] },
            'InvalidArgument',
            'REASON_MALFORMED_REQUEST',
          ],
          'for half a message': [
            { pieces: [prefixed(batchOf('a'), 0, 100)] },
            'InvalidArgument',
            'REASON_MALFORMED_REQUEST',
          ],
          'for a second message': [{ pieces: [good, good] }, 'Unimplemented', 'REASON_UNSUPPORTED'],
          'for half a second prefix': [
            { pieces: [good, Buffer.alloc(3)] },
            'InvalidArgument',
            'REASON_MALFORMED_REQUEST',
          ],
          'for half a second message': [
            { pieces: [good, prefixed(batchOf('a'), 0, 100)] },
            'InvalidArgument',
            'REASON_MALFORMED_REQUEST',
          ],
          'for a second message that is too large': [
            { pieces: [Buffer.concat([good, prefixed(batchOf('a'), 0, READ_MAX_BYTES + 1)])] },
            'ResourceExhausted',
            'REASON_MESSAGE_TOO_LARGE',
          ],
          'for a message that is compressed with nothing': [
            { pieces: [prefixed(batchOf('a'), 1)] },
            'Internal',
            'REASON_INTERNAL',
          ],
          'for a first message that is compressed with nothing': [
            { pieces: [prefixed(batchOf('a'), 1), good] },
            'Internal',
            'REASON_INTERNAL',
          ],
        } satisfies Record<string, [Sent, string, string]>)),
    };
    it.each(Object.entries(refusals))('%s', async (_, [sent, code, reason]) => {
      const { error, requestId, message } = await askAll(sent);
      expect({ code: error?.code, reason: error?.reason }).toEqual({ code, reason });
      expect(error?.metadata).toMatchObject({ request_id: 'r-1' });
      expect({ requestId, message }).toEqual({ requestId: 'r-1', message: undefined });
    });

    it('with all that its handler told', async () => {
      const { status, error, retryAfter, contentType } = await askAll({
        pieces: [body(batchOf('refused'))],
      });
      expect({ status, retryAfter, contentType }).toEqual({
        status: isGrpc ? 200 : 503,
        retryAfter: '2',
        contentType: isGrpc ? 'application/grpc+proto' : 'application/json',
      });
      expect(error).toEqual({
        code: 'Unavailable',
        text: 'not yet: 50 % “so”',
        reason: 'REASON_SNAPSHOT_BEHIND',
        domain: 'weir',
        metadata: { request_id: 'r-1', scope: 'x' },
        retryDelayMs: 1_234,
        violations: [['refs[0].key', 'odd']],
      });
    });
  });

  it.each(['', 'a b', 'x'.repeat(65), ['a', 'b'], undefined])(
    'an id that is none is replaced: %j',
    async (given) => {
      const ids = await Promise.all(
        lanes.map(async (lane) => {
          const headers = { 'x-request-id': given };
          return (await ask(lane, protocol, { pieces: [good], headers })).requestId;
        }),
      );
      for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      expect(new Set(ids).size).toBe(lanes.length);
    },
  );

  it.each([
    'application/grpc;charset=utf-8',
    'application/grpc+proto; charset=utf-8',
    'application/proto; charset=utf-8',
    'application/grpc+other',
    'text/plain',
    'constructor',
    '__proto__',
    'toString',
    '',
  ])('the content type "%s" is nobody’s', async (type) => {
    const { status } = await askAll({ pieces: [good], headers: { 'content-type': type } });
    expect(status).toBe(415);
  });

  it('no credential is taken that has space around it', async () => {
    const headers = { authorization: ` ${authorization} ` };
    const { error, resetCode } = await askAll({ pieces: [good], headers });
    expect(error?.code ?? resetCode).not.toBe(0);
  });

  it('headers past the limit are refused', async () => {
    const headers = { 'x-large': 'x'.repeat(HEADERS_MAX_BYTES) };
    const { status, resetCode } = await askAll({ pieces: [good], headers });
    expect(status ?? resetCode).not.toBe(200);
  });

  it.each([`${fetchPath}?x=1`, `${fetchPath}/`, `/${fetchPath}`, fetchPath.toLowerCase()])(
    'the path %s is the same to both',
    async (path) => {
      await askAll({ pieces: [good], path });
    },
  );
});
