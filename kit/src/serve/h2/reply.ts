import type { OutgoingHttpHeaders } from 'node:http2';
import { requestIdHeader } from '../request-id.ts';
import { staticFields } from './static-fields.ts';

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

const INDEXED = 0x80;
const nameIndex = new Map(staticFields.map(([name], at) => [name, at + 1] as const).reverse());
const fieldIndex = new Map(staticFields.map(([name, value], at) => [`${name} ${value}`, at + 1]));

/** Encodes headers, once for all answers that have them. */
export function replyHead(headers: OutgoingHttpHeaders): ReplyHead {
  const fields = Object.entries(headers).map(([name, value]) => fieldOf(name, String(value)));
  return { headers, block: Buffer.concat(fields) };
}

/** A field, as an entry of the static table or as a literal that no table keeps. */
export function fieldOf(name: string, value: string): Buffer {
  const whole = fieldIndex.get(`${name} ${value}`);
  if (whole !== undefined) return Buffer.of(INDEXED | whole);
  return Buffer.concat([nameOf(name), textOf(value)]);
}

function nameOf(name: string): Buffer {
  const index = nameIndex.get(name);
  if (index === undefined) return Buffer.concat([Buffer.of(0), textOf(name)]);
  return integer(index, 0x0f);
}

function textOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([integer(bytes.length, 0x7f), bytes]);
}

function integer(value: number, mask: number): Buffer {
  if (value < mask) return Buffer.of(value);
  const bytes = [mask];
  let left = value - mask;
  for (; left >= 0x80; left >>>= 7) bytes.push((left & 0x7f) | 0x80);
  return Buffer.of(...bytes, left);
}

const requestIdName = nameOf(requestIdHeader);
const lengthName = nameOf('content-length');
/** What a text of one byte of length may have. */
const SHORT_MAX_BYTES = 0x7e;

/** The most bytes that the block of a reply takes. */
export function blockMaxBytes({ head, requestId }: Reply): number {
  return head.block.length + requestIdName.length + lengthName.length + requestId.length + 32;
}

/** Writes the block of a reply; returns where it ends. */
export function putBlock(bytes: Buffer, at: number, reply: Reply): number {
  let end = put(bytes, at, reply.head.block);
  end = putText(bytes, put(bytes, end, requestIdName), reply.requestId);
  if (reply.body === undefined || reply.trailers !== undefined) return end;
  return putText(bytes, put(bytes, end, lengthName), String(reply.body.length));
}

function putText(bytes: Buffer, at: number, text: string): number {
  if (text.length > SHORT_MAX_BYTES) return put(bytes, at, textOf(text));
  bytes[at] = text.length;
  return at + 1 + bytes.write(text, at + 1, 'latin1');
}

function put(bytes: Buffer, at: number, piece: Uint8Array): number {
  bytes.set(piece, at);
  return at + piece.length;
}
