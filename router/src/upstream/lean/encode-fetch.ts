import { toBinary } from '@bufbuild/protobuf';
import {
  type Caller,
  CallerSchema,
  type FetchQuery,
  type FetchRequest,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { PREFIX_BYTES, writePrefix } from './frames.ts';

// All fields of a request are delimited: their tags are one byte each.
const QUERIES_TAG = 0x0a;
const CALLER_TAG = 0x12;
/** Of the fields 1 to 4 of a query, which are all texts. */
const TEXT_TAGS = [0x0a, 0x12, 0x1a, 0x22] as const;

/** Encodes a request as the library does, as a message of gRPC: with its prefix. */
export function encodeFetchRequest({ queries, caller }: FetchRequest): Buffer {
  const encodedCaller = caller && encodeCaller(caller);
  const sizes: number[] = [];
  let bytes = encodedCaller ? sizeOfField(encodedCaller.length) : 0;
  for (const query of queries) {
    const size = sizeOfQuery(query);
    sizes.push(size);
    bytes += sizeOfField(size);
  }
  const buffer = Buffer.allocUnsafe(PREFIX_BYTES + bytes);
  let at = writePrefix(buffer, bytes);
  queries.forEach(({ type, typeVersion, key, knownEtag }, i) => {
    at = open(buffer, at, QUERIES_TAG, sizes[i] as number);
    at = writeText(buffer, at, TEXT_TAGS[0], type);
    at = writeText(buffer, at, TEXT_TAGS[1], typeVersion);
    at = writeText(buffer, at, TEXT_TAGS[2], key);
    at = writeText(buffer, at, TEXT_TAGS[3], knownEtag);
  });
  if (encodedCaller) buffer.set(encodedCaller, open(buffer, at, CALLER_TAG, encodedCaller.length));
  return buffer;
}

/** The last caller that was encoded: calls of one tenant often tell providers the same. */
let lastTold: { readonly tenant: string; readonly bytes: Uint8Array } | undefined;

function encodeCaller(caller: Caller): Uint8Array {
  if (caller.principal !== '' || isAttributed(caller)) return toBinary(CallerSchema, caller);
  if (lastTold?.tenant === caller.tenant) return lastTold.bytes;
  const bytes = toBinary(CallerSchema, caller);
  lastTold = { tenant: caller.tenant, bytes };
  return bytes;
}

function isAttributed({ attributes }: Caller): boolean {
  for (const _ in attributes) return true;
  return attributes === undefined;
}

function sizeOfQuery({ type, typeVersion, key, knownEtag }: FetchQuery): number {
  return sizeOfText(type) + sizeOfText(typeVersion) + sizeOfText(key) + sizeOfText(knownEtag);
}

/** What is empty is not sent. */
function sizeOfText(text: string): number {
  return text === '' ? 0 : sizeOfField(Buffer.byteLength(text));
}

function sizeOfField(bytes: number): number {
  let size = 2 + bytes;
  for (let rest = bytes >>> 7; rest > 0; rest >>>= 7) size++;
  return size;
}

/** Writes the tag and the length of a field; returns where it begins. */
function open(buffer: Buffer, from: number, tag: number, bytes: number): number {
  let at = from;
  buffer[at++] = tag;
  let rest = bytes;
  for (; rest > 0x7f; rest >>>= 7) buffer[at++] = (rest & 0x7f) | 0x80;
  buffer[at++] = rest;
  return at;
}

function writeText(buffer: Buffer, from: number, tag: number, text: string): number {
  if (text === '') return from;
  const at = open(buffer, from, tag, Buffer.byteLength(text));
  return at + buffer.write(text, at);
}
