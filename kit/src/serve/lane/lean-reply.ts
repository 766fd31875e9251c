import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { ConnectError } from '@connectrpc/connect';
import { codeToHttpStatus, errorToJsonBytes } from '@connectrpc/connect/protocol-connect';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { requestIdHeader } from '../request-id.ts';
import { PREFIX_BYTES } from './lean-body.ts';
import type { LeanProtocol } from './lean-head.ts';

const grpcType = 'application/grpc+proto';
const connectType = 'application/proto';
const okTrailers = { 'grpc-status': '0' };
const withTrailers = { waitForTrailers: true };
const asEnd = { endStream: true };

/** The bytes before a message in an answer. */
export function headroomOf(protocol: LeanProtocol): number {
  return protocol === 'grpc' ? PREFIX_BYTES : 0;
}

/** Sends the answer to a call: a message, behind the headroom. */
export function sendAnswer(
  stream: ServerHttp2Stream,
  protocol: LeanProtocol,
  { requestId, bytes }: { readonly requestId: string; readonly bytes: Uint8Array },
): void {
  if (protocol === 'grpc') {
    writePrefix(bytes);
    stream.respond(
      { ':status': 200, 'content-type': grpcType, [requestIdHeader]: requestId },
      withTrailers,
    );
    stream.once('wantTrailers', sendOk);
  } else {
    stream.respond({
      ...{ ':status': 200, 'content-type': connectType, [requestIdHeader]: requestId },
      'content-length': bytes.length,
    });
  }
  stream.end(bytes);
}

function sendOk(this: ServerHttp2Stream): void {
  this.sendTrailers(okTrailers);
}

function writePrefix(bytes: Uint8Array): void {
  const length = bytes.length - PREFIX_BYTES;
  bytes[0] = 0;
  bytes[1] = length >>> 24;
  bytes[2] = length >>> 16;
  bytes[3] = length >>> 8;
  bytes[4] = length;
}

/** Sends the error that a call ends with. */
export function sendError(
  stream: ServerHttp2Stream,
  protocol: LeanProtocol,
  { requestId, error }: { readonly requestId: string; readonly error: ConnectError },
): void {
  if (protocol === 'grpc') {
    const head: OutgoingHttpHeaders = { ':status': 200, 'content-type': grpcType };
    for (const [name, value] of setTrailerStatus(new Headers(), error)) head[name] = value;
    stream.respond({ ...head, [requestIdHeader]: requestId }, asEnd);
    return;
  }
  const body = errorToJsonBytes(error, undefined);
  const head: OutgoingHttpHeaders = { ':status': codeToHttpStatus(error.code) };
  for (const [name, value] of error.metadata) head[name] = value;
  head['content-type'] = 'application/json';
  head['content-length'] = body.length;
  stream.respond({ ...head, [requestIdHeader]: requestId });
  stream.end(body);
}
