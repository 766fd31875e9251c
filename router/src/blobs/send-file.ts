import type { FileHandle } from 'node:fs/promises';
import type { Clock, HttpResponse } from '@weir/kit';
import type { ByteRange } from './range.ts';

/** After this time a reader must have taken bytes at the least rate, or is cut. */
const GRACE_MS = 60_000;
const LEAST_BYTES_PER_MS = 16;

/**
 * Sends a part of a file as fast as the reader takes it. The server cuts readers that take
 * nothing; those that take next to nothing are cut here.
 */
export async function sendFile(sending: {
  readonly file: FileHandle;
  readonly range: ByteRange;
  readonly response: HttpResponse;
  readonly clock: Clock;
}): Promise<void> {
  const { file, range, response, clock } = sending;
  const chunks = { start: range.from, end: range.to, autoClose: false };
  const startMs = clock.monotonicMs();
  let sent = 0;
  for await (const bytes of file.createReadStream(chunks) as AsyncIterable<Buffer>) {
    const goesOn = write(response, bytes) || (await drained(response));
    sent += bytes.length;
    if (!goesOn || isTooSlow(sent, clock.monotonicMs() - startMs)) break;
  }
  // Less than was announced must not look like all of it.
  if (sent <= range.to - range.from) response.destroy();
  else response.end();
}

/** Its types over HTTP/1.1 and HTTP/2 differ, and TypeScript finds no common call. */
function write(response: HttpResponse, bytes: Buffer): boolean {
  return 'stream' in response ? response.write(bytes) : response.write(bytes);
}

function isTooSlow(sentBytes: number, tookMs: number): boolean {
  return sentBytes < (tookMs - GRACE_MS) * LEAST_BYTES_PER_MS;
}

/** Over HTTP/2 only the stream beneath a response tells, and `close` comes once. */
function isGone(response: HttpResponse): boolean {
  return 'stream' in response ? response.stream.destroyed : response.destroyed;
}

/** Waits until the reader has taken what was written. False: the reader is gone. */
function drained(response: HttpResponse): Promise<boolean> {
  if (isGone(response)) return Promise.resolve(false);
  return new Promise((resolve) => {
    const onDrain = () => done(true);
    const onClose = () => done(false);
    const done = (goesOn: boolean) => {
      response.off('drain', onDrain);
      response.off('close', onClose);
      resolve(goesOn);
    };
    response.once('drain', onDrain);
    response.once('close', onClose);
  });
}
