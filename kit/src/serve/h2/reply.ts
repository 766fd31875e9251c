import type { OutgoingHttpHeaders } from 'node:http2';
import { fieldOf, nameOf, put, putText } from '../../h2/fields.ts';
import type { BlockWriter } from '../../h2/sender.ts';
import { requestIdHeader } from '../request-id.ts';

/** Headers that are sent often, and as the bytes of a block that needs no table. */
export interface ReplyHead {
  readonly headers: OutgoingHttpHeaders;
  readonly block: Buffer;
}

/** An answer, whole. Where it has a body and no trailers, its length is told. */
export interface Reply {
  readonly head: ReplyHead;
  readonly requestId: string;
  readonly body?: Uint8Array | undefined;
  readonly trailers?: ReplyHead | undefined;
}

/** Encodes headers, once for all answers that have them. */
export function replyHead(headers: OutgoingHttpHeaders): ReplyHead {
  const fields = Object.entries(headers).map(([name, value]) => fieldOf(name, String(value)));
  return { headers, block: Buffer.concat(fields) };
}

const requestIdName = nameOf(requestIdHeader);
const lengthName = nameOf('content-length');

/** Writes the headers of replies. */
export const replyBlocks: BlockWriter<Reply> = {
  maxBytes: ({ head, requestId }) =>
    head.block.length + requestIdName.length + lengthName.length + requestId.length + 32,
  put: putBlock,
};

function putBlock(bytes: Buffer, at: number, reply: Reply): number {
  let end = put(bytes, at, reply.head.block);
  end = putText(bytes, put(bytes, end, requestIdName), reply.requestId);
  if (reply.body === undefined || reply.trailers !== undefined) return end;
  return putText(bytes, put(bytes, end, lengthName), String(reply.body.length));
}
