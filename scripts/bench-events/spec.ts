/** Where a subject is. */
export type Where =
  | { readonly kind: 'weir'; readonly url: string; readonly key: string }
  | { readonly kind: 'redis-streams'; readonly port: number }
  | { readonly kind: 'nats-jetstream'; readonly port: number };

/** What a listening process is told to open. */
export interface ListenSpec {
  readonly where: Where;
  readonly subscriptions: number;
}

/** What a listening process is asked. */
export type Question =
  | { readonly ask: 'open'; readonly spec: ListenSpec }
  | { readonly ask: 'take' };

/** What it answers with, and how far it is, now and then. */
export type Answer =
  | { readonly told: 'opened' }
  | { readonly told: 'so far'; readonly deliveries: number }
  | { readonly told: 'taken'; readonly taken: Taken };

/** What came since the last question. */
export interface Taken {
  readonly deliveries: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** The processor that listening took, in seconds. */
  readonly cpuSeconds: number;
  /** Subscriptions that broke off. */
  readonly breaks: number;
}

/** The name of the topic, stream or subject. */
export const NAME = 'bench';
/** What an event carries: the time at which it was due, and filling. */
export const EVENT_BYTES = 256;

/** Milliseconds on a clock that all processes of this machine share. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** An event that was due at a time. */
export function dataOf(dueMs: number): Buffer {
  const data = Buffer.alloc(EVENT_BYTES);
  data.writeDoubleLE(dueMs);
  return data;
}

/** When an event was due. */
export function dueOf(data: Uint8Array): number {
  return new DataView(data.buffer, data.byteOffset, data.byteLength).getFloat64(0, true);
}
