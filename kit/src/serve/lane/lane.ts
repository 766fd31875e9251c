import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { DescMethod } from '@bufbuild/protobuf';
import { TransientSet } from '../../transient.ts';
import { type Admission, DEAR_BYTES } from '../admission.ts';
import type { CallRecord, Calls } from '../calls.ts';
import { Stream } from '../h2/stream.ts';
import type { ServeLimits } from '../limits.ts';
import type { Peer } from '../peer.ts';
import type { Exchange, Opening } from './exchange.ts';
import type { LaneStream } from './lane-stream.ts';
import { type LeanProtocol, readLeanHead, streamProtocols, unaryProtocols } from './lean-head.ts';
import type { CallHead, LeanMethod, LeanStreamMethod } from './lean-method.ts';
import { StreamExchange } from './stream-exchange.ts';
import { UnaryExchange } from './unary-exchange.ts';

/**
 * The fast lane: calls of some methods, in gRPC or binary Connect over HTTP/2, are answered on
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
  closed(exchange: Exchange): void;
  /** Aborted when the server begins to drain. */
  readonly draining: AbortSignal;
}

/** Answers a call with a refusal that was written beforehand. */
export type LeanRefusal = (
  stream: LaneStream,
  protocol: LeanProtocol,
  call: { readonly requestId: string; readonly arrivedMs: number },
) => void;

/** What the fast lane needs. */
export interface LaneOptions {
  readonly methods: readonly (LeanMethod | LeanStreamMethod)[];
  /** Those that last: not among the calls at work once their message is there. */
  readonly lasting: readonly DescMethod[];
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
  readonly draining: AbortSignal;
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
  const waiting = new TransientSet<Exchange>();
  /** Those that wait and are never late. */
  const lasting = new TransientSet<Exchange>();
  const bodies = new TransientSet<Exchange>();
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
    for (const exchanges of [waiting, lasting, bodies]) {
      for (const exchange of exchanges) exchange.fail(ending.reason);
    }
  });
  const workDone = (exchange: Exchange) => {
    if (exchange.isAtWork) admission.over();
    exchange.isAtWork = false;
  };
  const laneOf = (refused: LeanRefusal, lasts: boolean): Lane => ({
    ...{ limits, gate: options.gate, refused, draining: options.draining },
    record: (head) => calls.open(head),
    opened(exchange) {
      requests.enter(exchange);
      readers.enter(exchange);
    },
    awaitsBody: (exchange) => void bodies.add(exchange),
    hasBody(exchange) {
      bodies.delete(exchange);
      if (lasts) workDone(exchange);
    },
    waits(exchange) {
      if (exchange.deadlineMs === Number.POSITIVE_INFINITY) lasting.add(exchange);
      else waiting.add(exchange);
      if (ending.aborted) exchange.fail(ending.reason);
    },
    waitsNoMore(exchange) {
      waiting.delete(exchange);
      lasting.delete(exchange);
    },
    closed(exchange) {
      bodies.delete(exchange);
      readers.leave(exchange);
      requests.leave(exchange);
      workDone(exchange);
    },
  });
  const lanes = new Map(
    options.methods.map((lean) => {
      const path = `/${lean.method.parent.typeName}/${lean.method.name}`;
      const lane = laneOf(options.refused(path), options.lasting.includes(lean.method));
      return [path, { lean, lane }];
    }),
  );

  return {
    take(stream, headers, rawHeaders) {
      const found = lanes.get(headers[':path'] ?? '');
      if (found === undefined) return false;
      const { lean, lane } = found;
      const isUnary = 'answer' in lean;
      if (!isUnary && stream instanceof Stream) return false;
      const { headersMaxBytes } = limits;
      const protocols = isUnary ? unaryProtocols : streamProtocols;
      const head = readLeanHead(headers, rawHeaders, { headersMaxBytes, protocols });
      if (head === undefined) return false;
      const opening: Opening = {
        method: lean.method,
        headers,
        protocol: head.protocol,
        timeoutMs: isUnary
          ? Math.min(head.timeoutMs ?? limits.defaultTimeoutMs, limits.maxTimeoutMs)
          : (head.timeoutMs ?? Number.POSITIVE_INFINITY),
        dear: Number(headers['content-length']) > DEAR_BYTES,
        peer: options.peerOf(stream, headers),
      };
      const exchange = isUnary
        ? new UnaryExchange(lane, stream, lean, opening)
        : new StreamExchange(lane, stream as ServerHttp2Stream, lean, opening);
      admission.arrive(exchange);
      return true;
    },
    [Symbol.dispose]: () => timers.forEach(clearInterval),
  };
}
