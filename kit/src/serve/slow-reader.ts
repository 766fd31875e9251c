import { constants } from 'node:http2';
import { carrierOf, type HttpRequest, type HttpResponse } from './http.ts';
import type { ServeLimits } from './limits.ts';
import { cutStream } from './stuck.ts';

/** A large piece of an answer may take a second longer for each of so many bytes. */
const slowestBytesPerS = 64 * 1024;
const looksPerTime = 4;

/** An answer, or all that goes over a connection, as it is being read. */
export interface Reading {
  /** What has not left yet, in bytes. */
  readonly writableLength: number;
  /** What it was at the last look, and since when it has been so much. */
  waitingBytes: number;
  waitingSinceMs: number;
  /** Cuts it off. */
  cutReader(): void;
}

/** Cuts answers whose readers do not read, whatever their deadline. */
export interface SlowReaders extends Disposable {
  /** Watches over an answer until it is over. */
  watch(request: HttpRequest, response: HttpResponse): void;
  /** Watches over something until it leaves. */
  enter(reading: Reading): void;
  leave(reading: Reading): void;
}

/**
 * Creates the watch over readers: who takes nothing of what waits for it during `slowReaderMs` is
 * cut. What waits is what neither the peer's window nor the system's buffers have taken.
 */
export function createSlowReaders({
  slowReaderMs,
}: Pick<ServeLimits, 'slowReaderMs'>): SlowReaders {
  const readings = new Set<Reading>();
  const look = () => {
    const nowMs = performance.now();
    for (const reading of readings) {
      const waitingBytes = reading.writableLength;
      if (waitingBytes === 0 || waitingBytes !== reading.waitingBytes) {
        reading.waitingBytes = waitingBytes;
        reading.waitingSinceMs = nowMs;
        continue;
      }
      const patienceMs = slowReaderMs + (waitingBytes / slowestBytesPerS) * 1000;
      if (nowMs - reading.waitingSinceMs > patienceMs) reading.cutReader();
    }
  };
  const looking = setInterval(look, slowReaderMs / looksPerTime).unref();
  return {
    enter: (reading) => void readings.add(reading),
    leave: (reading) => void readings.delete(reading),
    watch(request, response) {
      const carrier = carrierOf(request);
      const reading: Reading = {
        get writableLength() {
          return response.writableLength;
        },
        ...{ waitingBytes: 0, waitingSinceMs: 0, cutReader: () => cut(response, carrier) },
      };
      readings.add(reading);
      // Whoever takes all that waits reads, though as much may wait again at the next look.
      response.on('drain', () => {
        reading.waitingSinceMs = performance.now();
      });
      response.once('close', () => readings.delete(reading));
    },
    [Symbol.dispose]: () => clearInterval(looking),
  };
}

function cut(response: HttpResponse, carrier: ReturnType<typeof carrierOf>): void {
  // Who waits to write takes this for a peer that left; what the system calls it would be
  // printed as a fault of ours.
  const left = Object.assign(new Error('the reader was cut'), { code: 'ECONNRESET' });
  if (response.listenerCount('error') > 0) response.emit('error', left);
  if ('rstCode' in carrier) cutStream(carrier, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  else carrier.destroy();
}
