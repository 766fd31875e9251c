import { createHash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import {
  type Content,
  ContentPartSchema,
  ContentSchema,
  type Failure,
  FailureSchema,
  type FetchResult,
  NotFoundSchema,
  NotModifiedSchema,
} from '../gen/weir/provider/v1/provider_pb.ts';
import { jsonType } from '../payload.ts';
import { isSensitivity, sensitivityToWire } from '../sensitivity.ts';
import type { ContextValue, FetchAnswer, NotModified } from './context.ts';
import { type ByteStream, cutToParts, isByteStream, partBytes, partsOfStream } from './parts.ts';
import { ProviderError } from './provider-error.ts';

/** The largest message that a provider sends: what gRPC clients accept by default. */
export const messageMaxBytes = 4 * 1024 * 1024;

/** What a result and its message need beside the content: tags, lengths, the index. */
const envelopeBytes = 64;

/** What is sent of the text of an error, in characters; routers show less. */
const textMaxChars = 1_000;
const retryDelayMaxMs = 24 * 60 * 60 * 1000;

/** An outcome and the bytes it takes in a message. */
export interface Encoded {
  readonly outcome: FetchResult['outcome'];
  readonly bytes: number;
  /** What is still to be sent of the value, part by part. Absent: nothing. */
  readonly parts?: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/**
 * Encodes what an author's function answered.
 *
 * @throws {ProviderError} when what stands beside the value is too large.
 * @throws {TypeError} when the answer is of no allowed form.
 */
export function encodeAnswer(answer: FetchAnswer<unknown>, knownEtag: string): Encoded {
  if (answer === undefined || answer === null) {
    return small({ case: 'notFound', value: create(NotFoundSchema) });
  }
  if (typeof answer !== 'object' || !('notModified' in answer || 'value' in answer)) {
    throw new TypeError('fetch must return { value, ... }, notModified or undefined');
  }
  if ('notModified' in answer) return encodeNotModified(answer, knownEtag);
  const { value } = answer;
  const stream = isByteStream(value) ? { value, sizeBytes: sizeOf(answer.sizeBytes) } : undefined;
  const payload = stream ? new Uint8Array() : encodePayload(value);
  const etag = answer.etag ?? (stream ? '' : etagOf(payload));
  if (etag !== '' && etag === knownEtag) {
    if (stream) leave(stream.value);
    return encodeNotModified(answer, knownEtag);
  }
  const content = contentOf(answer, etag);
  // Encoding it without its payload finds faulty fields here, where they fail this query alone.
  const beside = toBinary(ContentSchema, content).length + envelopeBytes;
  if (beside + partBytes > messageMaxBytes) {
    const text = `what stands beside the value takes ${beside} bytes, which no message holds`;
    throw new ProviderError(Code.ResourceExhausted, text);
  }
  const outcome = { case: 'content', value: content } as const;
  if (stream && stream.sizeBytes > 0) {
    content.totalBytes = BigInt(stream.sizeBytes);
    return { outcome, bytes: beside, parts: partsOfStream(stream.value, stream.sizeBytes) };
  }
  if (beside + payload.length > messageMaxBytes) {
    content.totalBytes = BigInt(payload.length);
    return { outcome, bytes: beside, parts: cutToParts(payload) };
  }
  content.payload = payload;
  return { outcome, bytes: beside + payload.length };
}

/** The next bytes of a value. */
export function encodePart(data: Uint8Array): Encoded {
  const outcome = { case: 'part', value: create(ContentPartSchema, { data }) } as const;
  return { outcome, bytes: data.length + envelopeBytes };
}

/**
 * Encodes an error. What is no `ProviderError` stays in this process. That something is not found
 * is an outcome of its own, unless that is to be a failure too.
 */
export function encodeError(error: unknown, { notFoundToo = false } = {}): Encoded {
  if (!(error instanceof ProviderError)) {
    return failed(create(FailureSchema, { code: Code.Internal, text: internalText }));
  }
  if (error.code === Code.NotFound && !notFoundToo) return encodeAnswer(undefined, '');
  const { code, retryDelayMs = Number.NaN } = error;
  const text = error.message.slice(0, textMaxChars);
  // Such as a header makes it that is not there: no delay, and no fault of this process.
  const retry = retryDelayMs >= 0 && {
    retryDelay: durationFromMs(Math.min(retryDelayMs, retryDelayMaxMs)),
  };
  return failed(create(FailureSchema, { code, text, ...retry }));
}

/** What callers learn of an error that is the author's own affair. */
export const internalText = 'the provider failed';

/** The tag of a value that its author gave none. */
export function etagOf(payload: Uint8Array): string {
  return createHash('sha256').update(payload).digest('base64url').slice(0, 22);
}

function contentOf(answer: ContextValue<unknown>, etag: string): Content {
  const { value, asOf, ttlMs, quality, sensitivity } = answer;
  if (quality !== undefined && !(quality >= 0 && quality <= 1)) {
    throw new TypeError(`quality ${quality} is not from 0 to 1`);
  }
  if (sensitivity !== undefined && !isSensitivity(sensitivity)) {
    throw new TypeError(`sensitivity ${sensitivity} is not known`);
  }
  return create(ContentSchema, {
    contentType: answer.contentType ?? defaultType(value),
    etag,
    sensitivity: sensitivityToWire(sensitivity),
    source: answer.source ?? '',
    labels: { ...answer.labels },
    owner: answer.owner ?? '',
    ...(asOf !== undefined && { asOf: timestampFromDate(asOf) }),
    ...(ttlMs !== undefined && { ttl: durationFromMs(ttlMs) }),
    ...(quality !== undefined && { quality }),
  });
}

function sizeOf(sizeBytes: number | undefined): number {
  if (Number.isSafeInteger(sizeBytes) && (sizeBytes ?? -1) >= 0) return sizeBytes ?? 0;
  throw new TypeError(`a stream needs sizeBytes, a whole number of bytes, not ${sizeBytes}`);
}

/** Nobody reads the stream: its source may go. */
function leave(stream: ByteStream): void {
  void stream[Symbol.asyncIterator]()
    .return?.()
    ?.catch(() => {});
}

function encodePayload(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  const text: unknown = typeof value === 'string' ? value : JSON.stringify(value);
  if (typeof text !== 'string') throw new TypeError(`a value of type ${typeof value} has no JSON`);
  return new TextEncoder().encode(text);
}

function defaultType(value: unknown): string {
  if (value instanceof Uint8Array || isByteStream(value)) return 'application/octet-stream';
  return typeof value === 'string' ? 'text/plain; charset=utf-8' : jsonType;
}

function encodeNotModified({ ttlMs }: Pick<NotModified, 'ttlMs'>, knownEtag: string): Encoded {
  if (knownEtag === '') throw new TypeError('notModified answers only a query with a knownEtag');
  const ttl = ttlMs !== undefined && { ttl: durationFromMs(ttlMs) };
  return small({ case: 'notModified', value: create(NotModifiedSchema, { ...ttl }) });
}

function failed(failure: Failure): Encoded {
  const bytes = toBinary(FailureSchema, failure).length + envelopeBytes;
  return { outcome: { case: 'failure', value: failure }, bytes };
}

function small(outcome: FetchResult['outcome']): Encoded {
  return { outcome, bytes: envelopeBytes };
}
