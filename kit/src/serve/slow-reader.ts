import { constants } from 'node:http2';
import { carrierOf, type HttpRequest, type HttpResponse } from './http.ts';
import type { ServeLimits } from './limits.ts';

/** A large piece of an answer may take a second longer for each of so many bytes. */
const slowestBytesPerS = 64 * 1024;
const looksPerTime = 4;

interface Reading {
  readonly carrier: ReturnType<typeof carrierOf>;
  /** What waited for the reader at the last look, and since when it has been so much. */
  waitingBytes: number;
  sinceMs: number;
}

/** Cuts answers whose readers do not read, whatever their deadline. */
export interface SlowReaders extends Disposable {
  /** Watches over an answer until it is over. */
  watch(request: HttpRequest, response: HttpResponse): void;
}

/**
 * Creates the watch over readers: who takes nothing of what waits for it during `slowReaderMs` is
 * cut. What waits is what neither the peer's window nor the system's buffers have taken.
 */
export function createSlowReaders({
  slowReaderMs,
}: Pick<ServeLimits, 'slowReaderMs'>): SlowReaders {
  const readings = new Map<HttpResponse, Reading>();
  const look = () => {
    const nowMs = performance.now();
    for (const [response, reading] of readings) {
      const waitingBytes = response.writableLength;
      if (waitingBytes === 0 || waitingBytes !== reading.waitingBytes) {
        Object.assign(reading, { waitingBytes, sinceMs: nowMs });
        continue;
      }
      const patienceMs = slowReaderMs + (waitingBytes / slowestBytesPerS) * 1000;
      if (nowMs - reading.sinceMs > patienceMs) cut(response, reading.carrier);
    }
  };
  const looking = setInterval(look, slowReaderMs / looksPerTime).unref();
  return {
    watch(request, response) {
      const reading = { carrier: carrierOf(request), waitingBytes: 0, sinceMs: 0 };
      readings.set(response, reading);
      // Whoever takes all that waits reads, though as much may wait again at the next look.
      response.on('drain', () => {
        reading.sinceMs = performance.now();
      });
      response.once('close', () => readings.delete(response));
    },
    [Symbol.dispose]: () => clearInterval(looking),
  };
}

function cut(response: HttpResponse, carrier: Reading['carrier']): void {
  // Who waits to write takes this for a peer that left; what the system calls it would be
  // printed as a fault of ours.
  const left = Object.assign(new Error('the reader was cut'), { code: 'ECONNRESET' });
  if (response.listenerCount('error') > 0) response.emit('error', left);
  if ('rstCode' in carrier) carrier.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  else carrier.destroy();
}
