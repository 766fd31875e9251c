import type { ServerResponse } from 'node:http';
import type { ConnectError } from '@connectrpc/connect';
import { endStreamFlag, endStreamToJson, errorToJson } from '@connectrpc/connect/protocol-connect';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { retryAfterOf, toConnectError, type WeirError } from '../errors.ts';
import { replyHead } from './h2/reply.ts';
import type { HttpRequest, HttpResponse } from './http.ts';
import type { LaneStream } from './lane/lane-stream.ts';
import type { LeanProtocol } from './lane/lean-head.ts';
import { sendReply } from './lane/lean-reply.ts';

/** A refusal that is written once and sent to many, whatever protocol they speak. */
export interface WrittenRefusal {
  /** What it says. */
  readonly error: ConnectError;
  answer(request: HttpRequest, response: HttpResponse): void;
  /** Answers a call of the fast lane. */
  answerStream(stream: LaneStream, protocol: LeanProtocol, requestId: string): void;
}

/**
 * Writes a refusal, to be sent to calls whose body nobody reads: next to nothing is left to do for
 * each. The id of the request is in its header only.
 */
export function writeRefusal(refusal: WeirError): WrittenRefusal {
  const error = toConnectError(refusal, '');
  const grpc = [...setTrailerStatus(new Headers(), error)];
  const unary = Buffer.from(JSON.stringify(errorToJson(error, undefined)));
  const stream = endOfStream(JSON.stringify(endStreamToJson(new Headers(), error, undefined)));
  const retryAfter = Object.entries(retryAfterOf(refusal));
  const head = Object.fromEntries(retryAfter);
  const grpcHead = { ':status': 200, 'content-type': 'application/grpc+proto', ...head };
  const ofGrpc = replyHead({ ...grpcHead, ...Object.fromEntries(grpc) });
  const ofConnect = replyHead({ ':status': 503, 'content-type': 'application/json', ...head });
  const ofWeb = replyHead({ ...ofGrpc.headers, 'content-type': 'application/grpc-web+proto' });
  const streamHead = { ':status': 200, 'content-type': 'application/connect+proto' };
  const ofStream = replyHead({ ...streamHead, ...head });
  return {
    error,
    answer(request, response) {
      for (const [name, value] of retryAfter) response.setHeader(name, value);
      const type = request.headers['content-type'] ?? '';
      if (type.startsWith('application/grpc')) {
        response.setHeader('content-type', type);
        for (const [name, value] of grpc) response.setHeader(name, value);
        response.end();
      } else if (type.startsWith('application/connect+')) {
        response.setHeader('content-type', type);
        end(response, stream);
      } else {
        response.statusCode = 503;
        response.setHeader('content-type', 'application/json');
        end(response, unary);
      }
    },
    answerStream(carrier, protocol, requestId) {
      switch (protocol) {
        case 'grpc':
          return sendReply(carrier, { head: ofGrpc, requestId });
        case 'grpc-web':
          return sendReply(carrier, { head: ofWeb, requestId });
        case 'connect':
          return sendReply(carrier, { head: ofConnect, requestId, body: unary });
        case 'connect-stream':
          return sendReply(carrier, { head: ofStream, requestId, body: stream });
        default:
          return protocol satisfies never;
      }
    },
  };
}

/** Both kinds of response take bytes, in signatures that have nothing in common. */
function end(response: HttpResponse, bytes: Uint8Array): void {
  (response as ServerResponse).end(bytes);
}

/** The last message of a Connect stream: its flag and length, then the status. */
function endOfStream(json: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(endStreamFlag);
  head.writeUInt32BE(Buffer.byteLength(json), 1);
  return Buffer.concat([head, Buffer.from(json)]);
}
