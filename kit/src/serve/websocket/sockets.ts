import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Logger } from '../../log.ts';
import type { Metrics } from '../../metrics.ts';
import type { CorsOptions } from '../cors.ts';
import type { ServeLimits } from '../limits.ts';
import type { Peer, Peers } from '../peer.ts';
import { joinCredentials } from '../pipeline.ts';
import type { Reading } from '../slow-reader.ts';
import { Connection, type ConnectionDeps, closing } from './connection.ts';
import { createPrepare, type PrepareDeps } from './prepare.ts';
import { decideOpening, type Opening, refuseUpgrade } from './upgrade.ts';

/** A message is read with its frame: metadata, the name of the method. */
const frameMaxBytes = 64 * 1024;
/** Pieces that a message may come in; browsers cut large ones. */
const fragmentsMax = 1024;
/** Pieces of the network that one frame may come in. */
const chunksMax = 8192;
const pongsMax = 16;
/** How long a client may take to answer when it is told that a connection closes. */
const closeMs = 2000;
/** How often a client is asked whether it is still there; one that was not heard of since is gone. */
const pingMs = 30_000;
/** How long a client that was asked to close may take when nothing is under way. */
const leaveMs = 3000;
const looksPerTime = 4;

/** The part of a listener that speaks WebSocket. */
export interface WebSocketSide {
  /** Takes a connection whose request asks to become a WebSocket. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Asks all clients to go, and resolves when they have; what they send until then is served. */
  retire(): Promise<void>;
  /** Asks all clients to come again on another connection. */
  renew(): void;
  /** Takes no more calls; connections close with their last one. */
  close(): void;
  /** Closes all connections. */
  destroy(): void;
}

/** What the part of a listener that speaks WebSocket needs. */
export interface WebSocketSideOptions extends Omit<PrepareDeps, 'peer' | 'upgrade' | 'codec'> {
  readonly limits: ServeLimits;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly cors: CorsOptions | undefined;
  /** Names of this server, which pages of its own come from. */
  readonly hosts: readonly string[];
  readonly peers: Peers;
  readonly requests: ConnectionDeps['requests'];
}

/** A connection, and how it is looked after. */
interface Use {
  readonly connection: Connection;
  readonly ws: WebSocket;
  readonly openedMs: number;
  /** When no part of a message was there, or one became whole, last. */
  wholeMs: number;
  framesSeen: number;
  pingedMs: number;
  heardMs: number;
}

/** Opens the part of a listener that speaks WebSocket. */
export function openWebSockets(options: WebSocketSideOptions): WebSocketSide {
  const { limits, log, metrics, readers } = options;
  const uses = new Set<Use>();
  let retired = false;
  let atNone: PromiseWithResolvers<void> | undefined;
  const violations = countConnections(metrics, uses);
  const server = new WebSocketServer({
    ...{ noServer: true, clientTracking: false, perMessageDeflate: false },
    ...{ maxPayload: limits.readMaxBytes + frameMaxBytes, maxFragments: fragmentsMax },
    ...{ maxBufferedChunks: chunksMax, maxPendingAutoPongs: pongsMax, closeTimeout: closeMs },
  });
  const opened = (ws: WebSocket, request: IncomingMessage, { codec, opener }: Opening) => {
    const upgrade = { authorization: request.headers.authorization };
    const found = options.peers.ofRequest(request);
    // A browser shows its certificate whatever page asks, as it would send cookies.
    const peer: Peer = opener === 'allowed page' ? { ...found, certificate: undefined } : found;
    const connection = new Connection(ws, codec, {
      ...{ limits, requests: options.requests, base: baseOf(request) },
      prepare: createPrepare({ ...options, codec, peer, upgrade }),
      failed: (error, requestId) => log.error({ err: error, requestId }, 'a call failed'),
      violated(reason) {
        violations.add(1);
        log.debug({ reason, address: peer.address }, 'a WebSocket is closed for what it sent');
      },
    });
    const nowMs = performance.now();
    const use = { connection, ws, openedMs: nowMs, wholeMs: nowMs, framesSeen: 0 };
    const whole: Use = { ...use, pingedMs: nowMs, heardMs: nowMs };
    const reading = readingOf(ws);
    request.socket.on('drain', () => connection.drained());
    ws.on('pong', () => {
      whole.heardMs = performance.now();
    });
    ws.once('close', () => {
      uses.delete(whole);
      readers.leave(reading);
      if (uses.size === 0) atNone?.resolve();
    });
    uses.add(whole);
    readers.enter(reading);
    if (retired) connection.goAway(shutdown);
  };
  const look = () => {
    const nowMs = performance.now();
    for (const use of uses) lookAfter(use, limits, nowMs);
  };
  const looking = setInterval(look, Math.min(limits.silentSocketMs, pingMs) / looksPerTime).unref();
  return {
    accept(request, socket, head) {
      if (retired) return refuseUpgrade(socket, { status: 503, text: shutdown });
      const decided = decideOpening(request, options);
      joinCredentials(request);
      if ('status' in decided) return refuseUpgrade(socket, decided);
      // It takes the first name that it knows.
      request.headers['sec-websocket-protocol'] = decided.codec.name;
      server.handleUpgrade(request, socket, head, (ws) => opened(ws, request, decided));
    },
    async retire() {
      retired = true;
      if (uses.size === 0) return;
      atNone ??= Promise.withResolvers();
      for (const { connection } of uses) connection.goAway(shutdown);
      await atNone.promise;
    },
    renew() {
      for (const { connection } of uses) connection.goAway('the certificate is a new one');
    },
    close() {
      clearInterval(looking);
      for (const { connection } of uses) connection.refuse();
    },
    destroy() {
      for (const { connection } of uses) connection.close(closing.goingAway, shutdown);
    },
  };
}

const shutdown = 'the server is shutting down; go on at another connection';

function baseOf({ headers, socket }: IncomingMessage): string {
  return `${'encrypted' in socket ? 'https' : 'http'}://${headers.host}`;
}

/** Ends what says nothing, what never finishes a message, what rests for long, and what is gone. */
function lookAfter(use: Use, limits: ServeLimits, nowMs: number): void {
  const { connection, ws } = use;
  const grown = connection.frames !== use.framesSeen;
  if (grown) use.heardMs = nowMs;
  if (grown || !isWithinMessage(ws)) use.wholeMs = nowMs;
  use.framesSeen = connection.frames;
  if (connection.frames === 0 && nowMs - use.openedMs > limits.silentSocketMs) {
    connection.violation(closing.policyViolation, 'no call was opened in time');
  } else if (nowMs - use.wholeMs > limits.defaultTimeoutMs && !ws.isPaused) {
    connection.violation(closing.policyViolation, 'a message did not come in time');
  } else if (connection.calls === 0) rest(connection, limits, nowMs);
  if (nowMs - use.pingedMs > pingMs) ping(use, nowMs);
}

/** Nothing is under way. */
function rest(connection: Connection, limits: ServeLimits, nowMs: number): void {
  if (nowMs - connection.leavingSinceMs > leaveMs) {
    connection.close(closing.goingAway, 'it was asked to go');
  } else if (nowMs - connection.idleSinceMs > limits.idleConnectionMs) {
    connection.goAway('nothing was asked for a while');
  }
}

function ping(use: Use, nowMs: number): void {
  const { ws } = use;
  // Who does not read is cut by the watch over readers.
  if (ws.isPaused || ws.readyState !== ws.OPEN) return;
  if (use.heardMs < use.pingedMs) ws.terminate();
  else ws.ping();
  use.pingedMs = nowMs;
}

/** What ws keeps of a message that is not whole yet. */
interface Receiver {
  /** 0: between two frames. */
  readonly _state?: number;
  readonly _bufferedBytes?: number;
  /** The kind of the message whose last piece is yet to come. */
  readonly _fragmented?: number;
}

function isWithinMessage(ws: WebSocket): boolean {
  const receiver = ('_receiver' in ws && (ws._receiver as Receiver)) || {};
  const { _state = 0, _bufferedBytes = 0, _fragmented = 0 } = receiver;
  return _state !== 0 || _bufferedBytes > 0 || _fragmented !== 0;
}

/** A client that reads its connection no more is cut, as over HTTP/2. */
function readingOf(ws: WebSocket): Reading {
  return {
    get writableLength() {
      return ws.bufferedAmount;
    },
    ...{ waitingBytes: 0, waitingSinceMs: 0, cutReader: () => ws.terminate() },
  };
}

function countConnections({ meter }: Metrics, uses: ReadonlySet<Use>) {
  meter
    .createObservableGauge('weir_websockets', { description: 'WebSockets that are open.' })
    .addCallback((result) => result.observe(uses.size));
  const violations = meter.createCounter('weir_websocket_violations', {
    description: 'WebSockets closed for what their clients sent, or did not send in time.',
  });
  violations.add(0);
  return violations;
}
