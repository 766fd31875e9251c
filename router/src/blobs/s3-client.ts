import { SettingsError } from '@weir/kit';
import { AwsClient } from 'aws4fetch';

/** An access key of S3. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The server's answer is no: the message says why, without an address. */
export class S3Refused extends Error {
  override readonly name = 'S3Refused';
  /** What it said, for the log. */
  readonly detail: string;

  constructor(message: string, detail: string) {
    super(message);
    this.detail = detail;
  }
}

/** The few calls of S3 that a store needs. Rejects with S3Refused, or as fetch does. */
export interface S3Client {
  put(name: string, body: Blob, sha256: string): Promise<void>;
  /** Undefined: there is no such object. */
  head(name: string): Promise<{ sizeBytes: number; modifiedMs: number } | undefined>;
  /** Reads an object of a known size. False: there is no such object, or not of that size. */
  get(name: string, into: Uint8Array, signal: AbortSignal): Promise<boolean>;
  /** A link that anybody can follow for a while. */
  presign(name: string, contentType: string): Promise<string>;
}

const ANSWER_MS = 5_000;
const BODY_BASE_TIMEOUT_MS = 10_000;
/** A server that takes or sends less is too slow. */
const LEAST_BYTES_PER_MS = 1_024;
const MAX_DETAIL_CHARS = 500;

/** Creates a client of one bucket. */
export function createS3Client(options: {
  readonly url: string;
  readonly credentials: S3Credentials;
  readonly holdMs: number;
  readonly answerMs?: number | undefined;
}): S3Client {
  const bucket = new URL(options.url);
  const region = bucket.searchParams.get('region') ?? 'us-east-1';
  const base = `${bucket.origin}${bucket.pathname.replace(/\/+$/, '')}/`;
  const aws = new AwsClient({ ...options.credentials, service: 's3', region, retries: 0 });

  const call = async (name: string, init: RequestInit, timeoutMs: number): Promise<Response> => {
    const { body, signal: ending, ...head } = init;
    // Signed without its body, whose hash is among the headers, then sent with it.
    const { url, headers } = await aws.sign(base + name, head);
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = ending ? AbortSignal.any([ending, timeout]) : timeout;
    const sent = { headers, signal, redirect: 'error', ...(body && { body }) } as const;
    return fetch(url, { method: init.method ?? 'GET', ...sent });
  };

  return {
    async put(name, body, sha256) {
      const headers = { 'x-amz-content-sha256': sha256 };
      const response = await call(name, { method: 'PUT', headers, body }, bodyTimeoutMs(body.size));
      const text = await response.text();
      if (!response.ok) throw refusalOf(response.status, text);
    },
    async head(name) {
      const response = await call(name, { method: 'HEAD' }, options.answerMs ?? ANSWER_MS);
      if (response.status === 404) return undefined;
      if (!response.ok) throw refusalOf(response.status, 'HEAD');
      const sizeBytes = Number(response.headers.get('content-length'));
      return { sizeBytes, modifiedMs: Date.parse(response.headers.get('last-modified') ?? '') };
    },
    async get(name, into, signal) {
      const response = await call(name, { method: 'GET', signal }, bodyTimeoutMs(into.length));
      if (!response.ok) {
        const text = await response.text();
        if (response.status === 404) return false;
        throw refusalOf(response.status, text);
      }
      return await fill(into, response);
    },
    async presign(name, contentType) {
      const url = new URL(base + name);
      const query = {
        'X-Amz-Expires': String(Math.ceil(options.holdMs / 1000)),
        'response-content-type': contentType,
        'response-content-disposition': 'attachment',
        'response-cache-control': 'private, no-store',
      };
      for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
      return (await aws.sign(url, { aws: { signQuery: true } })).url;
    },
  };
}

/** Reads what a key file holds: the access key and the secret, each on a line. */
export function parseS3Credentials(variable: string, text: string): S3Credentials {
  const [accessKeyId = '', secretAccessKey = '', ...rest] = text.trim().split(/\s*\n\s*/);
  if (accessKeyId !== '' && secretAccessKey !== '' && rest.length === 0) {
    return { accessKeyId, secretAccessKey };
  }
  const mend = 'write the access key on its first line and the secret on its second';
  throw new SettingsError(variable, 'names a file that holds no key of S3', mend);
}

function bodyTimeoutMs(bytes: number): number {
  return Math.ceil(BODY_BASE_TIMEOUT_MS + bytes / LEAST_BYTES_PER_MS);
}

/** Takes the body of an answer; false: it has another size. What is too much is not read. */
async function fill(into: Uint8Array, { body }: Response): Promise<boolean> {
  let at = 0;
  for await (const chunk of body ?? []) {
    if (at + chunk.length > into.length) return false;
    into.set(chunk, at);
    at += chunk.length;
  }
  return at === into.length;
}

function refusalOf(status: number, text: string): S3Refused {
  const detail = `${status} ${text.slice(0, MAX_DETAIL_CHARS)}`;
  if (status === 401 || status === 403) {
    return new S3Refused(
      'the store of large values does not accept the key of this router',
      detail,
    );
  }
  if (status === 404) return new S3Refused('the bucket of large values does not exist', detail);
  return new S3Refused(`the store of large values answered with status ${status}`, detail);
}
