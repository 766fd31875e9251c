import { createHash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import {
  type Content,
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
import { ProviderError } from './provider-error.ts';

/** The largest message that a provider sends: what gRPC clients accept by default. */
export const messageMaxBytes = 4 * 1024 * 1024;

/** What a result and its message need beside the content: tags, lengths, the index. */
const envelopeBytes = 64;

/** An outcome and the bytes it takes in a message. */
export interface Encoded {
  readonly outcome: FetchResult['outcome'];
  readonly bytes: number;
}

/**
 * Encodes what an author's function answered.
 *
 * @throws {ProviderError} when the value is too large.
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
  const payload = encodePayload(answer.value);
  const etag = answer.etag ?? etagOf(payload);
  if (etag !== '' && etag === knownEtag) return encodeNotModified(answer, knownEtag);
  const content = contentOf(answer, etag);
  // Encoding it without its payload finds faulty fields here, where they fail this query alone.
  const bytes = toBinary(ContentSchema, content).length + payload.length + envelopeBytes;
  if (bytes > messageMaxBytes) {
    const text = `the value takes ${bytes} bytes, and ${messageMaxBytes} is the most a message holds`;
    throw new ProviderError(Code.ResourceExhausted, text);
  }
  content.payload = payload;
  return { outcome: { case: 'content', value: content }, bytes };
}

/** Encodes an error. What is no `ProviderError` stays in this process. */
export function encodeError(error: unknown): Encoded {
  if (!(error instanceof ProviderError)) {
    return failed(create(FailureSchema, { code: Code.Internal, text: internalText }));
  }
  if (error.code === Code.NotFound) return encodeAnswer(undefined, '');
  const { code, message: text, retryDelayMs } = error;
  const retry = retryDelayMs !== undefined && { retryDelay: durationFromMs(retryDelayMs) };
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

function encodePayload(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  const text: unknown = typeof value === 'string' ? value : JSON.stringify(value);
  if (typeof text !== 'string') throw new TypeError(`a value of type ${typeof value} has no JSON`);
  return new TextEncoder().encode(text);
}

function defaultType(value: unknown): string {
  if (value instanceof Uint8Array) return 'application/octet-stream';
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
