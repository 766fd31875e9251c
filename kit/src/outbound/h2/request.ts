import { fieldOf, putField } from '../../h2/fields.ts';
import type { BlockWriter, Message } from '../../h2/sender.ts';

/** What a client asks. */
export interface ClientRequest extends Message {
  /** The headers that many requests have; see `requestHead`. */
  readonly head: Buffer;
  /** Those of this one: names and values in turn. */
  readonly more: readonly string[];
  readonly body: Uint8Array;
}

/** Headers of one request that take more than this are not sent: a frame has to hold them. */
export const REQUEST_HEADERS_MAX_BYTES = 15 * 1024;
/** Beside its texts, what a field takes at most. */
const FIELD_BYTES = 8;

/** Encodes headers that many requests have: names and values in turn. */
export function requestHead(headers: readonly string[]): Buffer {
  const fields: Buffer[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    fields.push(fieldOf(headers[at] as string, headers[at + 1] as string));
  }
  return Buffer.concat(fields);
}

/** Writes the headers of requests. */
export const requestBlocks: BlockWriter<ClientRequest> = {
  maxBytes({ head, more }) {
    let bytes = head.length;
    for (const text of more) bytes += text.length + FIELD_BYTES;
    return bytes;
  },
  put(bytes, at, { head, more }) {
    bytes.set(head, at);
    let end = at + head.length;
    for (let i = 0; i < more.length; i += 2) {
      end = putField(bytes, end, more[i] as string, more[i + 1] as string);
    }
    return end;
  },
};
