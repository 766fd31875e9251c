import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { http2Options, ignore, listen, refuseGrpc, windows } from '../http2.ts';
import { announce, readTask, upstreamOf } from '../task.ts';

// A bare proxy: one session to the upstream; headers, bytes and trailers are passed on.

const unavailable = 14;

function openUpstream(url: string): ClientHttp2Session {
  const session = connect(url, http2Options);
  session.on('error', ignore);
  session.once('connect', () => session.setLocalWindowSize(windows.connectionBytes));
  return session;
}

function passBack(from: ClientHttp2Stream, to: ServerHttp2Stream): void {
  let trailers: IncomingHttpHeaders = {};
  from.once('response', (headers, flags) => {
    if (to.destroyed) return;
    const isWhole = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    if (isWhole) return to.respond(headers, { endStream: true });
    to.respond(headers, { waitForTrailers: true });
    from.pipe(to);
  });
  from.once('trailers', (headers) => {
    trailers = headers;
  });
  to.once('wantTrailers', () => to.sendTrailers(trailers));
}

const url = upstreamOf(readTask());
let upstream = openUpstream(url);
const server = createServer(http2Options);
server.on('stream', (stream, headers) => {
  stream.on('error', ignore);
  if (upstream.closed || upstream.destroyed) upstream = openUpstream(url);
  const call = upstream.request(headers);
  call.on('error', () => {
    if (stream.headersSent) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    else refuseGrpc(stream, unavailable, 'the upstream did not answer');
  });
  stream.once('aborted', () => call.close(constants.NGHTTP2_CANCEL));
  passBack(call, stream);
  stream.pipe(call);
});
announce(await listen(server));
