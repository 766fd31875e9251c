import { constants, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  codeFromHttpStatus,
  findTrailerError,
  parseContentType,
} from '@connectrpc/connect/protocol-grpc';

// What went wrong with a call, in the words that connect-node has for it.

const OK = 200;
const DETAILS = 'grpc-status-details-bin';

/** What an answer's headers show of it. */
export interface Head {
  /** The status stands in the headers: no trailers are to be expected. */
  readonly ended: boolean;
  /** How its messages may be compressed; undefined: not at all. */
  readonly encoding: string | undefined;
}

/**
 * Reads the headers of an answer.
 *
 * @throws {ConnectError} when it is none of gRPC, or tells an error at once
 */
export function readHead(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): Head {
  const status = headers[':status'];
  if (status !== OK) throw new ConnectError(`HTTP ${status}`, codeFromHttpStatus(status ?? 0));
  const type = headers['content-type'];
  if (type !== 'application/grpc+proto' && type !== 'application/grpc') readType(type);
  const encoding = headers['grpc-encoding'];
  return {
    ended: isStatusOk(headers),
    encoding: encoding === undefined || encoding === 'identity' ? undefined : String(encoding),
  };
}

/**
 * Whether these headers or trailers tell that the call has ended well; false: they tell nothing.
 *
 * @throws {ConnectError} when they tell an error
 */
export function isStatusOk(headers: IncomingHttpHeaders): boolean {
  const status = headers['grpc-status'];
  const details = headers[DETAILS];
  if (status === '0' && details === undefined) return true;
  if (status === undefined && details === undefined) return false;
  const error = findTrailerError(webHeaders(headers));
  if (error) throw error;
  return true;
}

function readType(type: string | undefined): void {
  if (parseContentType(type ?? null)) return;
  throw new ConnectError(`unsupported content type ${type}`, Code.Unknown);
}

/** Only what tells a status: all else of a provider's headers is nobody's concern. */
function webHeaders(headers: IncomingHttpHeaders): Headers {
  const web = new Headers();
  for (const name of ['grpc-status', 'grpc-message', DETAILS]) {
    const value = headers[name];
    if (value !== undefined) web.set(name, String(value));
  }
  return web;
}

const codes: Readonly<Record<string, Code>> = {
  ERR_STREAM_WRITE_AFTER_END: Code.Aborted,
  ERR_STREAM_DESTROYED: Code.Aborted,
  ERR_HTTP2_INVALID_STREAM: Code.Aborted,
  ECONNRESET: Code.Aborted,
  ETIMEDOUT: Code.Unavailable,
  ENOTFOUND: Code.Unavailable,
  EAI_AGAIN: Code.Unavailable,
  ECONNREFUSED: Code.Unavailable,
};

/** What an error of Node's means; its cause is that. */
export function errorOfNode(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new ConnectError(text, codeOfNode(error), undefined, undefined, error);
}

/** Some of Node's errors wrap that which tells more. */
function codeOfNode(error: unknown): Code {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const code = 'code' in at && typeof at.code === 'string' ? codes[at.code] : undefined;
    if (code !== undefined) return code;
  }
  return Code.Internal;
}

/** What it means that a stream was closed before its end, without an error of Node's. */
export function errorOfClose(rstCode: number): ConnectError {
  if (rstCode === constants.NGHTTP2_CANCEL) {
    return new ConnectError('the stream was cancelled by the peer', Code.Canceled);
  }
  return new ConnectError('the stream was closed before its end', Code.Unknown);
}
