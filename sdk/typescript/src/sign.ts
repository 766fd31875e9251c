import { toBinary } from '@bufbuild/protobuf';
import type { Interceptor } from '@connectrpc/connect';
import type { Protocol } from './transport.ts';

const scheme = 'Weir-HMAC-SHA256';
const keyPattern = /^weir_([a-z0-9]{16})_([\w-]{43})$/;
const nonceBytes = 16;
/** Flags and length, before a message in a stream (gRPC, gRPC-Web, streams of Connect). */
const envelopeBytes = 5;

/**
 * Signs every call with a key instead of sending the key: HMAC-SHA-256 over key id, time, nonce,
 * method, path and SHA-256 of the body, with SHA-256 of the key's secret as the key of it; the form is
 * in docs/identity.md. To be used where bodies are sent in binary, uncompressed.
 *
 * @throws {TypeError} when the key is no API key.
 */
export function signCalls(key: string, protocol: Protocol): Interceptor {
  const [, id, secret] = keyPattern.exec(key) ?? [];
  if (id === undefined || secret === undefined) {
    throw new TypeError('only an API key can sign calls: give `weir_...` as `key`');
  }
  let signing: Promise<CryptoKey> | undefined;
  return (next) => async (request) => {
    signing ??= signingKey(secret);
    const { method } = request;
    const sent = request.stream ? await only(request.message) : request.message;
    const message = toBinary(method.input, sent);
    const framed = request.stream || protocol !== 'connect';
    const body = await sha256(framed ? inEnvelope(message) : message);
    const time = String(Math.floor(Date.now() / 1000));
    const nonce = toBase64Url(crypto.getRandomValues(new Uint8Array(nonceBytes)));
    const path = `/${method.parent.typeName}/${method.name}`;
    const lines = ['weir-hmac-sha256', id, time, nonce, 'POST', path, body].join('\n');
    const mac = await crypto.subtle.sign('HMAC', await signing, new TextEncoder().encode(lines));
    const signature = toBase64Url(new Uint8Array(mac));
    request.header.set(
      'authorization',
      `${scheme} key=${id},time=${time},nonce=${nonce},body=${body},signature=${signature}`,
    );
    return next(request.stream ? { ...request, message: once(sent) } : request);
  };
}

async function signingKey(secret: string): Promise<CryptoKey> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret));
  return crypto.subtle.importKey('raw', hash, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
}

function inEnvelope(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(envelopeBytes + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, envelopeBytes);
  return bytes;
}

async function sha256(bytes: Uint8Array): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes))));
}

function toBase64Url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** The one message of a call whose answer is a stream; Weir has no method that takes several. */
async function only<T>(messages: AsyncIterable<T>): Promise<T> {
  const [first, ...more] = await Array.fromAsync(messages);
  if (first !== undefined && more.length === 0) return first;
  throw new TypeError('only calls with one message can be signed');
}

async function* once<T>(message: T): AsyncGenerator<T> {
  yield message;
}
