import type { IncomingHttpHeaders } from 'node:http2';
import { type Admission, DEAR_BYTES } from '../admission.ts';
import type { CallRecord, Calls } from '../calls.ts';
import type { ServeLimits } from '../limits.ts';
import type { Peer } from '../peer.ts';
import { Exchange } from './exchange.ts';
import type { LaneStream } from './lane-stream.ts';
import { type LeanProtocol, readLeanHead } from './lean-head.ts';
import type { CallHead, LeanMethod } from './lean-method.ts';

/**
 * The fast lane: calls of some unary methods, in gRPC or binary Connect over HTTP/2, are answered on
 * the streams of node:http2, without the objects that the RPC library makes for each. Whether a call
 * is taken is decided on its headers; what is unusual about them is left to the library. Admission,
 * authentication, limits, records, errors and their forms are those of the other lane.
 */
export interface FastLane {
  /** Takes a stream, or leaves it: false. */
  take(stream: LaneStream, headers: IncomingHttpHeaders, rawHeaders: readonly string[]): boolean;
}

/** What exchanges share. */
export interface Lane {
  readonly limits: Pick<ServeLimits, 'readMaxBytes'>;
  readonly gate: (head: CallHead) => void | Promise<void>;
  record(head: CallHead): CallRecord;
  /** Refuses a call that found no room. */
  refused: LeanRefusal;
  opened(exchange: Exchange): void;
  awaitsBody(exchange: Exchange): void;
  hasBody(exchange: Exchange): void;
  /** Its handler takes its time. */
  waits(exchange: Exchange): void;
  waitsNoMore(exchange: Exchange): void;
  closed(exchange: Exchange, begun: boolean): void;
}

/** Answers a call with a refusal that was written beforehand. */
export type LeanRefusal = (
  stream: LaneStream,
  protocol: LeanProtocol,
  call: { readonly requestId: string; readonly arrivedMs: number },
) => void;

/** What the fast lane needs. */
export interface LaneOptions {
  readonly methods: readonly LeanMethod[];
  readonly limits: ServeLimits;
  readonly gate: Lane['gate'];
  readonly calls: Calls;
  readonly admission: Admission;
  readonly refused: (path: string) => LeanRefusal;
  readonly peerOf: (stream: LaneStream, headers: IncomingHttpHeaders) => Peer;
  /** Calls under way, for those who wait until there are none. */
  readonly requests: { enter(request: object): void; leave(request: object): void };
  /** The watch over readers. */
  readonly readers: { enter(exchange: Exchange): void; leave(exchange: Exchange): void };
  /** Calls under way are ended, with its reason. */
  readonly ending: AbortSignal;
}

/** How often the time of calls is looked at whose body, or whose handler, is waited for. */
const LATE_LOOK_MS = 20;
/** How often is looked for bodies that do not come. */
const BODY_LOOK_MS = 1_000;
/** Opens the fast lane. */
export function openLane(options: LaneOptions): FastLane & Disposable {
  const { limits, admission, calls, requests, readers, ending } = options;
  const waiting = new Set<Exchange>();
  const bodies = new Set<Exchange>();
  const lookForLate = () => {
    const nowMs = performance.now();
    for (const exchanges of [waiting, bodies]) {
      for (const exchange of exchanges) if (exchange.isLate(nowMs)) exchange.late();
    }
  };
  /** The oldest first. */
  const lookForBodies = () => {
    const beforeMs = performance.now() - limits.defaultTimeoutMs;
    for (const exchange of bodies) {
      if (exchange.beganMs > beforeMs) return;
      exchange.cut();
    }
  };
  const timers = [
    setInterval(lookForLate, LATE_LOOK_MS).unref(),
    setInterval(lookForBodies, BODY_LOOK_MS).unref(),
  ];
  ending.addEventListener('abort', () => {
    for (const exchanges of [waiting, bodies]) {
      for (const exchange of exchanges) exchange.fail(ending.reason);
    }
  });
  const laneOf = (refused: LeanRefusal): Lane => ({
    ...{ limits, gate: options.gate, refused },
    record: (head) => calls.open(head),
    opened(exchange) {
      requests.enter(exchange);
      readers.enter(exchange);
    },
    awaitsBody: (exchange) => void bodies.add(exchange),
    hasBody: (exchange) => void bodies.delete(exchange),
    waits(exchange) {
      waiting.add(exchange);
      if (ending.aborted) exchange.fail(ending.reason);
    },
    waitsNoMore: (exchange) => void waiting.delete(exchange),
    closed(exchange, begun) {
      bodies.delete(exchange);
      readers.leave(exchange);
      requests.leave(exchange);
      if (begun) admission.over();
    },
  });
  const lanes = new Map(
    options.methods.map((lean) => {
      const path = `/${lean.method.parent.typeName}/${lean.method.name}`;
      return [path, { lean, lane: laneOf(options.refused(path)) }];
    }),
  );

  return {
    take(stream, headers, rawHeaders) {
      const found = lanes.get(headers[':path'] ?? '');
      if (found === undefined) return false;
      const head = readLeanHead(headers, rawHeaders, limits.headersMaxBytes);
      if (head === undefined) return false;
      const timeoutMs = head.timeoutMs ?? limits.defaultTimeoutMs;
      const exchange = new Exchange(found.lane, stream, {
        method: found.lean,
        headers,
        protocol: head.protocol,
        timeoutMs: Math.min(timeoutMs, limits.maxTimeoutMs),
        dear: Number(headers['content-length']) > DEAR_BYTES,
        peer: options.peerOf(stream, headers),
      });
      admission.arrive(exchange);
      return true;
    },
    [Symbol.dispose]: () => timers.forEach(clearInterval),
  };
}
