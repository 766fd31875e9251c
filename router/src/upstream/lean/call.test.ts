import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { ConnectionLost, weirVersion } from '@weir/kit';
import { ProviderService } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { describe, expect, test } from 'vitest';
import { testOutbound } from '../../../test/provider-server.ts';
import type { ProviderVersion } from '../../snapshot/catalogue.ts';
import { faultOf, isOutOfReach, refusedByUpstream } from '../upstream-errors.ts';
import { createProviderClient } from './client.ts';
import { encodeFetchRequest } from './encode-fetch.ts';
import { framed, READ_MAX_BYTES } from './frames.ts';
import { openSessions } from './sessions.ts';

type Answer = (stream: ServerHttp2Stream) => void;

const head = { ':status': 200, 'content-type': 'application/grpc+proto' };
const body = encodeFetchRequest({ $typeName: 'weir.provider.v1.FetchRequest', queries: [] });

/** A server that answers as it is told, and a client of it. */
async function openPair(answer: Answer) {
  const peers = new Set<ServerHttp2Session>();
  const resets: number[] = [];
  const headers: Record<string, unknown>[] = [];
  const server = createServer();
  server.on('session', (session) => {
    peers.add(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream, requestHeaders) => {
    headers.push({ ...requestHeaders });
    stream.on('error', () => {});
    stream.on('close', () => resets.push(stream.rstCode));
    stream.resume();
    answer(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sessions = openSessions(testOutbound(), url);
  const client = createProviderClient(url, sessions);
  return {
    url,
    resets,
    headers,
    peers,
    sessions,
    call: (timeoutMs = 10_000, more: readonly string[] = []) =>
      client.call(
        { method: 'fetch', body, timeoutMs, headers: more },
        { decode: (bytes) => Buffer.from(bytes).toString('latin1') },
      ),
    async [Symbol.asyncDispose]() {
      sessions.abort();
      for (const peer of peers) peer.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** All that comes of a call; what it fails with stands last. */
async function allOf(replies: { next(): Promise<IteratorResult<string>> }): Promise<unknown[]> {
  const came: unknown[] = [];
  try {
    for (;;) {
      const { done, value } = await replies.next();
      if (done) return came;
      came.push(value);
    }
  } catch (error) {
    return [...came, error];
  }
}

function respond(stream: ServerHttp2Stream, more: object = {}, trailers: object = ok): void {
  stream.respond({ ...head, ...more }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }));
}

const ok = { 'grpc-status': '0' };

/** A message with its prefix; `flag`: 1 says that it is compressed. */
function message(content: string | Buffer, flag = 0): Buffer {
  const frame = framed(Buffer.from(content));
  frame[0] = flag;
  return frame;
}

describe('messages', () => {
  test('come whole, whichever way they are cut', async () => {
    const bytes = Buffer.concat([message('one'), message(''), message('x'.repeat(300))]);
    const chunks = Array.from(bytes, (byte) => Buffer.from([byte]));
    const send = async (stream: ServerHttp2Stream) => {
      for (const chunk of chunks) await new Promise((resolve) => stream.write(chunk, resolve));
      stream.end();
    };
    await using pair = await openPair((stream) => {
      respond(stream);
      void send(stream);
    });
    expect(await allOf(pair.call())).toEqual(['one', '', 'x'.repeat(300)]);
  });

  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ])('may be compressed with %s, and keep their order', async (encoding, compress) => {
    await using pair = await openPair((stream) => {
      respond(stream, { 'grpc-encoding': encoding });
      const large = compress(Buffer.from('y'.repeat(1_000_000)));
      stream.write(Buffer.concat([message(large, 1), message('plain'), message('', 1)]));
      stream.end(message(compress(Buffer.from('last')), 1));
    });
    expect(await allOf(pair.call())).toEqual(['y'.repeat(1_000_000), 'plain', '', 'last']);
  });

  test('that would become too large are refused', async () => {
    const bomb = gzipSync(Buffer.alloc(READ_MAX_BYTES + 1));
    await using pair = await openPair((stream) => {
      respond(stream, { 'grpc-encoding': 'gzip' });
      stream.end(Buffer.concat([message('first'), message(bomb, 1)]));
    });
    const fault = expect.objectContaining({ code: Code.ResourceExhausted });
    expect(await allOf(pair.call())).toEqual(['first', fault]);
  });

  test('wait for a reader that is slow, and none is lost', async () => {
    const part = 'z'.repeat(64 * 1024);
    let sent = 0;
    await using pair = await openPair((stream) => {
      respond(stream);
      const send = () => {
        while (sent < 200) {
          sent++;
          if (!stream.write(message(part))) return void stream.once('drain', send);
        }
        stream.end();
      };
      send();
    });
    const replies = pair.call();
    expect((await replies.next()).value).toBe(part);
    await new Promise((resolve) => setTimeout(resolve, 100));
    // What fits the windows, the buffers of both sides and what is read ahead.
    expect(sent).toBeLessThan(100);
    expect(await allOf(replies)).toHaveLength(199);
  });
});

describe('a call', () => {
  test('is sent as connect-node sends it, under a name of its own', async () => {
    await using pair = await openPair((stream) => {
      respond(stream);
      stream.end();
    });
    await allOf(pair.call(2_000, ['authorization', 'Bearer x']));
    const transport = createGrpcTransport({ baseUrl: pair.url });
    const options = { timeoutMs: 2_000, headers: { authorization: 'Bearer x' } };
    await Array.fromAsync(createClient(ProviderService, transport).fetch({}, options));
    const [ours, theirs] = pair.headers;
    expect(ours).toEqual({ ...theirs, 'user-agent': `weir/${weirVersion}` });
  });

  test('that is late is reset, and says so', async () => {
    await using pair = await openPair((stream) => {
      respond(stream);
      stream.write(message('early'));
    });
    const fault = expect.objectContaining({ code: Code.DeadlineExceeded });
    expect(await allOf(pair.call(1_500))).toEqual(['early', fault]);
    while (pair.resets.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(pair.resets).toEqual([8]);
  });

  test('that is cancelled is reset', async () => {
    await using pair = await openPair((stream) => respond(stream));
    const replies = pair.call();
    const first = replies.next();
    while (pair.headers.length === 0) await new Promise((resolve) => setImmediate(resolve));
    replies.cancel();
    await expect(first).rejects.toEqual(expect.objectContaining({ code: Code.Canceled }));
    while (pair.resets.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(pair.resets).toEqual([8]);
  });

  test('that is cancelled before there is a connection is never made', async () => {
    await using pair = await openPair((stream) => respond(stream));
    pair.call().cancel();
    const second = pair.call();
    const came = allOf(second);
    while (pair.headers.length === 0) await new Promise((resolve) => setImmediate(resolve));
    second.cancel();
    await came;
    while (pair.resets.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(pair.headers).toHaveLength(1);
  });
});

describe('what goes wrong is told as by connect-node', () => {
  const trailersOnly =
    (more: object): Answer =>
    (stream) =>
      stream.respond({ ...head, ...more }, { endStream: true });
  const details = Buffer.from([8, 5, 18, 1, 0x78]).toString('base64');
  const answers: Record<string, Answer> = {
    'a status': trailersOnly({ 'grpc-status': '14', 'grpc-message': 'not%20now' }),
    'a status with details': trailersOnly({
      ...{ 'grpc-status': '5', 'grpc-status-details-bin': details },
    }),
    'details that are none': trailersOnly({ 'grpc-status-details-bin': '!!' }),
    'a status that is none': trailersOnly({ 'grpc-status': 'fine' }),
    'a status beyond those that are': trailersOnly({ 'grpc-status': '99' }),
    'a text that is not escaped': trailersOnly({ 'grpc-status': '3', 'grpc-message': '%zz' }),
    'all well, and nothing': trailersOnly({ 'grpc-status': '0' }),
    'a status after messages': (stream) => {
      respond(stream, {}, { 'grpc-status': '8' });
      stream.end(message('\x0a\x02\x08\x01'));
    },
    'no status': (stream) => {
      stream.respond(head);
      stream.end(message(''));
    },
    'no status in trailers': (stream) => {
      respond(stream, {}, { other: 'x' });
      stream.end(message(''));
    },
    'half a message': (stream) => {
      respond(stream);
      stream.end(message('abcdef').subarray(0, 8));
    },
    'half a prefix': (stream) => {
      respond(stream);
      stream.end(Buffer.from([0, 0]));
    },
    'a length beyond every limit': (stream) => {
      stream.respond(head);
      stream.write(Buffer.from([0, 255, 255, 255, 255, 1]));
    },
    'an encoding that nobody knows': (stream) => {
      respond(stream, { 'grpc-encoding': 'zstd' });
      stream.end(message(''));
    },
    'a message that is compressed, unannounced': (stream) => {
      respond(stream);
      stream.end(message('abc', 1));
    },
    'a message that was never compressed': (stream) => {
      respond(stream, { 'grpc-encoding': 'gzip' });
      stream.end(message('abc', 1));
    },
    'another content type': (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'text/html' });
      stream.end('<html>');
    },
    JSON: (stream) => {
      stream.respond({ ':status': 200 });
      stream.end('{}');
    },
    'an end of the connection': (stream) => stream.session?.destroy(),
    'a goodbye that is none': (stream) => stream.session?.goaway(11),
    ...Object.fromEntries(
      [302, 400, 401, 403, 404, 429, 500, 502, 503, 504].map((status) => [
        `HTTP ${status}`,
        (stream: ServerHttp2Stream) => stream.respond({ ':status': status }, { endStream: true }),
      ]),
    ),
    ...Object.fromEntries(
      [1, 2, 7, 8, 11, 12].map((code) => [
        `a reset with ${code}`,
        (stream: ServerHttp2Stream) => stream.close(code),
      ]),
    ),
    'a reset in the middle': (stream) => {
      stream.respond(head);
      stream.write(message('').subarray(0, 3), () => stream.close(2));
    },
    'a cancel in the middle': (stream) => {
      stream.respond(head);
      stream.write(message('').subarray(0, 3), () => stream.close(8));
    },
  };

  const provider = { name: 'docs' } as ProviderVersion;
  const verdicts = (error: unknown) => ({
    code: Code[ConnectError.from(error).code],
    outOfReach: isOutOfReach(error),
    faults: [faultOf(error, 'fetch'), faultOf(error, 'list')],
    refusal: refusedByUpstream(error, provider).refusal.text,
  });
  /** The error with that as its cause which a session of ours would have given it. */
  const withCause = (error: ConnectError) => {
    const { rawMessage, code, cause } = error;
    if (!(cause instanceof Error && 'code' in cause)) return error;
    const isLost = cause.code === 'ERR_HTTP2_SESSION_ERROR';
    if (!isLost && !cause.message.includes('NGHTTP2_REFUSED_STREAM')) return error;
    const ours = new ConnectionLost(cause.message);
    return new ConnectError(rawMessage, code, undefined, undefined, ours);
  };
  const theirs = async (url: string) => {
    const transport = createGrpcTransport({ baseUrl: url, readMaxBytes: READ_MAX_BYTES });
    try {
      await Array.fromAsync(createClient(ProviderService, transport).fetch({}));
      return undefined;
    } catch (error) {
      return verdicts(withCause(ConnectError.from(error)));
    }
  };

  test.each(Object.entries(answers))('%s', async (_, answer) => {
    await using pair = await openPair(answer);
    const came = await allOf(pair.call());
    const error = came.findLast((one) => typeof one !== 'string');
    expect(error && verdicts(error)).toEqual(await theirs(pair.url));
  });

  test('but for an end without an answer, for which connect-node waits', async () => {
    await using pair = await openPair((stream) => stream.close(0));
    const [error] = await allOf(pair.call());
    expect(verdicts(error)).toMatchObject({ outOfReach: false, faults: ['failed', 'failed'] });
  });

  test('nobody there', async () => {
    const gone = await openPair(() => {});
    const { url } = gone;
    await gone[Symbol.asyncDispose]();
    const sessions = openSessions(testOutbound(), url);
    const client = createProviderClient(url, sessions);
    const call = { method: 'fetch', body, timeoutMs: 1_000, headers: [] } as const;
    const [error] = await allOf(client.call(call, { decode: String }));
    expect(verdicts(error)).toEqual(await theirs(url));
  });
});
