import { Code, ConnectError } from '@connectrpc/connect';
import {
  codeFromHttpStatus,
  findTrailerError,
  parseContentType,
} from '@connectrpc/connect/protocol-grpc';
import { ConnectionLost, h2Error, StreamReset } from '@weir/kit';

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

/** Headers: names and values in turn. */
export type Fields = readonly string[];

/**
 * Reads the headers of an answer.
 *
 * @throws {ConnectError} when it is none of gRPC, or tells an error at once
 */
export function readHead(fields: Fields): Head {
  const status = Number(valueIn(fields, ':status'));
  if (status !== OK) throw new ConnectError(`HTTP ${status}`, codeFromHttpStatus(status));
  const type = valueIn(fields, 'content-type');
  if (type !== 'application/grpc+proto' && type !== 'application/grpc') readType(type);
  const encoding = valueIn(fields, 'grpc-encoding');
  return {
    ended: isStatusOk(fields),
    encoding: encoding === undefined || encoding === 'identity' ? undefined : encoding,
  };
}

/**
 * Whether these headers or trailers tell that the call has ended well; false: they tell nothing.
 *
 * @throws {ConnectError} when they tell an error
 */
export function isStatusOk(fields: Fields): boolean {
  const status = valueIn(fields, 'grpc-status');
  const details = valueIn(fields, DETAILS);
  if (status === '0' && details === undefined) return true;
  if (status === undefined && details === undefined) return false;
  const error = findTrailerError(webHeaders(fields));
  if (error) throw error;
  return true;
}

function valueIn(fields: Fields, name: string): string | undefined {
  for (let at = 0; at < fields.length; at += 2) {
    if (fields[at] === name) return fields[at + 1];
  }
  return undefined;
}

function readType(type: string | undefined): void {
  if (parseContentType(type ?? null)) return;
  throw new ConnectError(`unsupported content type ${type}`, Code.Unknown);
}

/** Only what tells a status: all else of a provider's headers is nobody's concern. */
function webHeaders(fields: Fields): Headers {
  const web = new Headers();
  for (const name of ['grpc-status', 'grpc-message', DETAILS]) {
    const value = valueIn(fields, name);
    if (value !== undefined) web.set(name, value);
  }
  return web;
}

const codes: Readonly<Record<string, Code>> = {
  ECONNRESET: Code.Aborted,
  ETIMEDOUT: Code.Unavailable,
  ENOTFOUND: Code.Unavailable,
  EAI_AGAIN: Code.Unavailable,
  ECONNREFUSED: Code.Unavailable,
};

/** What it means that the rest of an answer does not come; its cause is that. */
export function errorOfFailure(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof StreamReset) return errorOfReset(error);
  // One that ended without a word.
  if (error instanceof ConnectionLost && error.reason === undefined) {
    return new ConnectError(error.message, Code.Canceled, undefined, undefined, error);
  }
  const text = error instanceof Error ? error.message : String(error);
  return new ConnectError(text, codeOfNode(error), undefined, undefined, error);
}

function errorOfReset(error: StreamReset): ConnectError {
  switch (error.reset) {
    case h2Error.cancel:
      return new ConnectError('the stream was cancelled by the peer', Code.Canceled);
    case h2Error.none:
      return new ConnectError('the stream was closed before its end', Code.Unknown);
    default:
      return new ConnectError(error.message, Code.Internal, undefined, undefined, error);
  }
}

/** Some of Node's errors wrap that which tells more. */
function codeOfNode(error: unknown): Code {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const code = 'code' in at && typeof at.code === 'string' ? codes[at.code] : undefined;
    if (code !== undefined) return code;
  }
  return Code.Internal;
}
