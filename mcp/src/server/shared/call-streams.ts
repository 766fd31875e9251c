import { MCP_STREAM_LOGS } from '@weir/kit';
import { isRequestId, type RequestId } from '../json-rpc.ts';
import type { RouterIds } from './router-ids.ts';

/** What of the id of a request goes into the name of its stream, in characters. */
const REQUEST_ID_MAX_CHARS = 200;

/** The stream of a call: which router has it, and what it answers. */
export interface CallStream {
  readonly id: string;
  readonly router: string;
  readonly requestId: RequestId;
}

/** Names the stream that answers a request in a session; undefined: the request's id is too long for that. */
export function nameStream(
  ids: RouterIds,
  session: string,
  requestId: RequestId,
): string | undefined {
  const request = JSON.stringify(requestId);
  if (request.length > REQUEST_ID_MAX_CHARS) return undefined;
  const encoded = Buffer.from(request).toString('base64url');
  return `${ids.write('stream', `${session} ${encoded}`)}.${encoded}`;
}

/** Reads the name of a stream; undefined: it is none of the session's. */
export function parseStream(ids: RouterIds, session: string, id: string): CallStream | undefined {
  const dot = id.lastIndexOf('.');
  const encoded = id.slice(dot + 1);
  const router = ids.madeBy(id.slice(0, Math.max(dot, 0)), 'stream', `${session} ${encoded}`);
  if (router === undefined) return undefined;
  const requestId: unknown = JSON.parse(Buffer.from(encoded, 'base64url').toString());
  return isRequestId(requestId) ? { id, router, requestId } : undefined;
}

/** The log that has the messages of a stream. */
export function logOfStream(id: string): string {
  return `${MCP_STREAM_LOGS}${id}`;
}
