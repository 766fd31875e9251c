import type { FileHandle } from 'node:fs/promises';
import type { Clock, HttpRequest, HttpResponse, Logger } from '@weir/kit';
import { createRoom } from '../room.ts';
import { BLOBS_PATH, type Linked, type Links } from './links.ts';
import { type ByteRange, readRange } from './range.ts';
import { sendFile } from './send-file.ts';

/** What serving links needs. */
export interface BlobServing {
  readonly links: Links;
  /** Opens the bytes that a link leads to; undefined when they are not there any more. */
  open(linked: Linked): Promise<{ file: FileHandle; sizeBytes: number } | undefined>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Transfers under way at once, half of them of one tenant; more are refused. Default: 256. */
  readonly maxTransfers?: number | undefined;
}

const MAX_TRANSFERS = 256;

/**
 * Makes the handler of `GET` and `HEAD /blobs/…`: the link is the credential. Takes a request
 * when it returns true.
 */
export function createBlobHandler(serving: BlobServing) {
  const { maxTransfers = MAX_TRANSFERS } = serving;
  const room = createRoom(maxTransfers);
  return (request: HttpRequest, response: HttpResponse): boolean => {
    if (!request.url?.startsWith(BLOBS_PATH)) return false;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      refuse(response, 405, 'a link is followed with GET or HEAD');
      return true;
    }
    const linked = serving.links.read(request.url);
    if (typeof linked === 'string') {
      refuse(response, 403, linkFaults[linked]);
      return true;
    }
    if (!room.take(linked.tenant, 1)) {
      response.setHeader('retry-after', '1');
      refuse(response, 503, 'too many values are being read; follow the link again in a moment');
      return true;
    }
    answer(serving, linked, { request, response })
      .catch((error: unknown) => {
        serving.log.error({ err: error }, 'a value could not be served');
        if (response.headersSent) response.destroy();
        else refuse(response, 500, 'the value cannot be read');
      })
      .finally(() => room.give(linked.tenant, 1));
    return true;
  };
}

const linkFaults = {
  forged: 'this link is not one of ours; fetch the item again for a new one',
  expired: 'this link has expired; fetch the item again for a new one',
};

async function answer(
  { open, clock }: BlobServing,
  linked: Linked,
  { request, response }: { request: HttpRequest; response: HttpResponse },
): Promise<void> {
  const blob = await open(linked);
  if (!blob) {
    return refuse(response, 404, 'this value is not kept any more; fetch the item again');
  }
  await using file = blob.file;
  const etag = `"${linked.sha256}"`;
  writeHead(response, { etag, contentType: linked.contentType });
  if (request.headers['if-none-match']?.includes(etag)) {
    response.statusCode = 304;
    response.end();
    return;
  }
  const range = rangeOf(request, etag, blob.sizeBytes);
  if (range === 'unsatisfiable') {
    response.setHeader('content-range', `bytes */${blob.sizeBytes}`);
    return refuse(response, 416, `the value has ${blob.sizeBytes} bytes; ask for some of them`);
  }
  const { from, to } = range ?? { from: 0, to: blob.sizeBytes - 1 };
  if (range) {
    response.statusCode = 206;
    response.setHeader('content-range', `bytes ${from}-${to}/${blob.sizeBytes}`);
  }
  response.setHeader('content-length', to - from + 1);
  if (request.method === 'HEAD' || to < from) response.end();
  else await sendFile({ file, range: { from, to }, response, clock });
}

/** What a value is must not be guessed, and it must not run in the name of this origin. */
function writeHead(response: HttpResponse, of: { etag: string; contentType: string }): void {
  const headers = {
    'content-type': of.contentType,
    etag: of.etag,
    'accept-ranges': 'bytes',
    'cache-control': 'private, no-store',
    'content-disposition': 'attachment',
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
  };
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
}

function rangeOf(
  { headers, method }: HttpRequest,
  etag: string,
  sizeBytes: number,
): ByteRange | 'unsatisfiable' | undefined {
  const condition = headers['if-range'];
  const applies = method === 'GET' && (condition === undefined || condition === etag);
  return applies ? readRange(headers.range, sizeBytes) : undefined;
}

function refuse(response: HttpResponse, status: number, text: string): void {
  response.statusCode = status;
  response.removeHeader('content-length');
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.setHeader('cache-control', 'no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  response.end(`${text}\n`);
}
