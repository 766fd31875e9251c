import type { ServerResponse } from 'node:http';
import { endStreamFlag, endStreamToJson, errorToJson } from '@connectrpc/connect/protocol-connect';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { retryAfterOf, toConnectError, type WeirError } from '../errors.ts';
import type { HttpRequest, HttpResponse } from './http.ts';

/** A refusal that is written once and sent to many, whatever protocol they speak. */
export type WrittenRefusal = (request: HttpRequest, response: HttpResponse) => void;

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
  return (request, response) => {
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
