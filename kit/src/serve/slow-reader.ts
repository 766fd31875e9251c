import { constants } from 'node:http2';
import { TransientSet } from '../transient.ts';
import { givenBytes } from './counted-response.ts';
import { carrierOf, type HttpRequest, type HttpResponse } from './http.ts';
import type { ServeLimits } from './limits.ts';
import { cutStream } from './stuck.ts';

const looksPerTime = 4;

/** An answer, or all that goes over a connection, as it is being read. */
export interface Reading {
  /** What has not left yet, in bytes. */
  readonly writableLength: number;
  /** All that was ever given to it, where more can come while some waits. */
  readonly givenBytes?: number;
  /** What of it had left at the last look. */
  leftBytes?: number;
  /** What waited at the last look, and since when none of it has left. */
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
  slowestReaderBytes,
}: Pick<ServeLimits, 'slowReaderMs' | 'slowestReaderBytes'>): SlowReaders {
  const readings = new TransientSet<Reading>();
  const look = () => {
    const nowMs = performance.now();
    for (const reading of readings) {
      const waitingBytes = reading.writableLength;
      const leftBytes = (reading.givenBytes ?? 0) - waitingBytes;
      const waitedBefore = waitingBytes > 0 && reading.waitingBytes > 0;
      if (!waitedBefore || leftBytes !== reading.leftBytes) {
        reading.waitingBytes = waitingBytes;
        reading.leftBytes = leftBytes;
        reading.waitingSinceMs = nowMs;
        continue;
      }
      const patienceMs = slowReaderMs + (waitingBytes / slowestReaderBytes) * 1000;
      if (nowMs - reading.waitingSinceMs > patienceMs) reading.cutReader();
    }
  };
  const looking = setInterval(look, slowReaderMs / looksPerTime).unref();
  return {
    enter: (reading) => void readings.add(reading),
    leave: (reading) => void readings.delete(reading),
    watch(request, response) {
      const reading = new ResponseReading(request, response);
      readings.add(reading);
      response.once('close', () => readings.delete(reading));
    },
    [Symbol.dispose]: () => clearInterval(looking),
  };
}

/**
 * An answer over plain HTTP. Whoever takes all that waits reads, though as much may wait again at the next look; how
 * much waits does not tell.
 */
class ResponseReading implements Reading {
  readonly #response: HttpResponse;
  readonly #carrier: ReturnType<typeof carrierOf>;
  leftBytes = 0;
  waitingBytes = 0;
  waitingSinceMs = 0;

  constructor(request: HttpRequest, response: HttpResponse) {
    this.#response = response;
    this.#carrier = carrierOf(request);
  }

  get writableLength(): number {
    return this.#response.writableLength;
  }

  get givenBytes(): number {
    return givenBytes(this.#response);
  }

  cutReader(): void {
    cut(this.#response, this.#carrier);
  }
}

function cut(response: HttpResponse, carrier: ReturnType<typeof carrierOf>): void {
  // Who waits to write takes this for a peer that left; what the system calls it would be
  // printed as a fault of ours.
  const left = Object.assign(new Error('the reader was cut'), { code: 'ECONNRESET' });
  if (response.listenerCount('error') > 0) response.emit('error', left);
  if ('rstCode' in carrier) cutStream(carrier, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  else carrier.destroy();
}
