import type { ClientHttp2Stream, Http2Session } from 'node:http2';
import type { createGrpcTransport } from '@connectrpc/connect-node';

/** What a transport of connect-node asks for sessions. */
export type SessionManager = NonNullable<
  Parameters<typeof createGrpcTransport>[0]['sessionManager']
>;

/**
 * The same sessions, without two faults that would be the caller's:
 *
 * - An error that a session tells when connect-node has no more use for it, and so listens no more (a
 *   peer said GOAWAY while nothing was asked, and a call came before the socket was closed), would
 *   end the process.
 * - From Node 24.20 on, the body of an answer that is whole, and is read a little late, ends with
 *   ERR_STREAM_PREMATURE_CLOSE (nodejs/node issue 65677), which connect-node tells as "unknown".
 *
 * `onSession` is called once with each session, when its first stream is open.
 */
export function sturdy(
  manager: SessionManager,
  onSession: (session: Http2Session) => void = () => {},
): SessionManager {
  const seen = new WeakSet<Http2Session>();
  return {
    authority: manager.authority,
    notifyResponseByteRead: (stream) => manager.notifyResponseByteRead(stream),
    async request(...asked) {
      const stream = await manager.request(...asked);
      const { session } = stream;
      if (session && !seen.has(session)) {
        seen.add(session);
        session.on('error', () => {});
        onSession(session);
      }
      stream[Symbol.asyncIterator] = () => readAll(stream);
      return stream;
    },
  };
}

/** What comes of a stream, until its end; throws what it failed with. */
async function* readAll(stream: ClientHttp2Stream): AsyncGenerator<Buffer, undefined> {
  let wake = () => {};
  const changed = () => wake();
  for (const event of events) stream.on(event, changed);
  try {
    for (;;) {
      const chunk: Buffer | null = stream.read();
      if (chunk !== null) yield chunk;
      else if (stream.readableEnded) return;
      else if (stream.errored) throw stream.errored;
      else if (stream.destroyed) throw new Error('the stream was closed before its end');
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    for (const event of events) stream.off(event, changed);
    // Who stops early wants no more of it.
    if (!stream.readableEnded) stream.destroy();
  }
}

const events = ['readable', 'end', 'error', 'close'] as const;
