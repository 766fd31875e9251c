import type { OutgoingHttpHeaders } from 'node:http2';
import type { ConnectError } from '@connectrpc/connect';
import { endStreamFlag, endStreamToJson } from '@connectrpc/connect/protocol-connect';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { trailerFlag, trailerSerialize } from '@connectrpc/connect/protocol-grpc-web';
import { requestIdHeader } from '../request-id.ts';
import { framed } from './lean-frame.ts';
import type { LeanProtocol } from './lean-head.ts';

/** What comes after the messages of a stream: trailers, or a last frame. */
export interface StreamEnd {
  readonly trailers?: OutgoingHttpHeaders;
  readonly frame?: Uint8Array;
}

const types: Readonly<Record<LeanProtocol, string>> = {
  grpc: 'application/grpc+proto',
  'grpc-web': 'application/grpc-web+proto',
  connect: 'application/proto',
  'connect-stream': 'application/connect+proto',
};

/** The headers of an answer. */
export function streamHeadOf(protocol: LeanProtocol, requestId: string): OutgoingHttpHeaders {
  return { ':status': 200, 'content-type': types[protocol], [requestIdHeader]: requestId };
}

/** The end of an answer: with an error, or well. */
export function endOf(protocol: LeanProtocol, error: ConnectError | undefined): StreamEnd {
  if (protocol === 'connect-stream') {
    const json = JSON.stringify(endStreamToJson(new Headers(), error, undefined));
    return { frame: framed(Buffer.from(json), endStreamFlag) };
  }
  const status = new Headers({ 'grpc-status': '0' });
  if (error) setTrailerStatus(status, error);
  if (protocol === 'grpc') return { trailers: Object.fromEntries(status) };
  return { frame: framed(trailerSerialize(status), trailerFlag) };
}
