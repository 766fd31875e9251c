import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { ConnectError } from '@connectrpc/connect';
import { codeToHttpStatus, errorToJsonBytes } from '@connectrpc/connect/protocol-connect';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { type Reply, replyHead } from '../h2/reply.ts';
import { Stream } from '../h2/stream.ts';
import { requestIdHeader } from '../request-id.ts';
import type { LaneStream } from './lane-stream.ts';
import { PREFIX_BYTES, writePrefix } from './lean-frame.ts';
import type { LeanProtocol } from './lean-head.ts';

const grpcType = 'application/grpc+proto';
const grpcHead = replyHead({ ':status': 200, 'content-type': grpcType });
const connectHead = replyHead({ ':status': 200, 'content-type': 'application/proto' });
const okTrailers = replyHead({ 'grpc-status': '0' });
const withTrailers = { waitForTrailers: true };
const asEnd = { endStream: true };

/** The bytes before a message in an answer. */
export function headroomOf(protocol: LeanProtocol): number {
  return protocol === 'grpc' ? PREFIX_BYTES : 0;
}

/** Sends the answer to a call: a message, behind the headroom. */
export function sendAnswer(
  stream: LaneStream,
  protocol: LeanProtocol,
  { requestId, bytes }: { readonly requestId: string; readonly bytes: Uint8Array },
): void {
  if (protocol === 'grpc') {
    writePrefix(bytes);
    sendReply(stream, { head: grpcHead, requestId, body: bytes, trailers: okTrailers });
  } else sendReply(stream, { head: connectHead, requestId, body: bytes });
}

/** Sends the error that a call ends with. */
export function sendError(
  stream: LaneStream,
  protocol: LeanProtocol,
  { requestId, error }: { readonly requestId: string; readonly error: ConnectError },
): void {
  if (protocol === 'grpc') {
    const head: OutgoingHttpHeaders = { ':status': 200, 'content-type': grpcType };
    for (const [name, value] of setTrailerStatus(new Headers(), error)) head[name] = value;
    sendReply(stream, { head: replyHead(head), requestId });
    return;
  }
  const body = errorToJsonBytes(error, undefined);
  const head: OutgoingHttpHeaders = { ':status': codeToHttpStatus(error.code) };
  for (const [name, value] of error.metadata) head[name] = value;
  head['content-type'] = 'application/json';
  sendReply(stream, { head: replyHead(head), requestId, body });
}

/** Sends an answer, whoever reads the frames of its stream. */
export function sendReply(stream: LaneStream, reply: Reply): void {
  if (stream instanceof Stream) stream.answer(reply);
  else respond(stream as ServerHttp2Stream, reply);
}

function respond(stream: ServerHttp2Stream, { head, requestId, body, trailers }: Reply): void {
  const headers: OutgoingHttpHeaders = { ...head.headers, [requestIdHeader]: requestId };
  if (body === undefined) {
    stream.respond(headers, asEnd);
    return;
  }
  if (trailers === undefined) stream.respond({ ...headers, 'content-length': body.length });
  else {
    stream.respond(headers, withTrailers);
    stream.once('wantTrailers', () => stream.sendTrailers(trailers.headers));
  }
  stream.end(body);
}
