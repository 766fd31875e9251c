import { once } from 'node:events';
import {
  constants,
  type Http2Server,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';

// What the subjects on node:http2 have in common.

/** The default windows of 64 KB cost a quarter of the calls, even on loopback. */
export const windows = { streamBytes: 1024 * 1024, connectionBytes: 16 * 1024 * 1024 } as const;

/** Answers that wait to be written count too; the default of 10 MB is less than 64 of 140 KB. */
const maxSessionMemoryMb = 256;

/** The options of servers and clients. */
export const http2Options = {
  settings: { initialWindowSize: windows.streamBytes, enablePush: false },
  maxSessionMemory: maxSessionMemoryMb,
} as const;

/** Listens on a free port. */
export async function listen(server: Http2Server): Promise<number> {
  server.on('session', (session) => session.setLocalWindowSize(windows.connectionBytes));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** The prefix of a gRPC message: a flag and its length. */
export const prefixBytes = 5;

/** A gRPC message with its prefix, not compressed. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(prefixBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, prefixBytes);
  return frame;
}

/** A list, which node:http2 checks and copies less than an object. */
const head = [constants.HTTP2_HEADER_STATUS, '200', 'content-type', 'application/grpc+proto'];
const trailers: OutgoingHttpHeaders = { 'grpc-status': '0' };
const withTrailers = { waitForTrailers: true };

/** Answers with one framed message, and status 0. */
export function answerGrpc(stream: ServerHttp2Stream, frame: Uint8Array): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond(head, withTrailers);
  stream.once('wantTrailers', sendTrailers);
  stream.end(frame);
}

function sendTrailers(this: ServerHttp2Stream): void {
  if (!this.destroyed && !this.closed) this.sendTrailers(trailers);
}

/** Answers with a status and nothing else. */
export function refuseGrpc(stream: ServerHttp2Stream, code: number, text: string): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond([...head, 'grpc-status', String(code), 'grpc-message', text], { endStream: true });
}

/** Callers that hang up are no fault of ours. */
export function ignore(): void {}
