import { writeSync } from 'node:fs';
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { within } from './abort.ts';
import { CountedHttp2Response } from './counted-response.ts';
import { openOwnHttp2 } from './h2/server.ts';
import type { HttpHandler } from './http.ts';
import type { FastLane } from './lane/lane.ts';
import type { ServeLimits } from './limits.ts';
import type { Reading, SlowReaders } from './slow-reader.ts';
import { unsentBytes } from './stuck.ts';

const streamWindowBytes = 1024 * 1024;
const connectionWindowBytes = 8 * 1024 * 1024;
/** Answers wait here for slow readers: room for every stream to hold a large one. */
const sessionMemoryMb = 512;
const looksPerTime = 4;
/** How often sessions are looked for that will never end. */
const STUCK_LOOK_MS = 1_000;
/** A GOAWAY without error whose last stream is the last that there can be (RFC 9113, 6.8). */
const shutdownNotice = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);

/** How long a peer on whose connection nothing is asked may take to hear that it is to go. */
const restMs = 1_000;

/** The part of a listener that speaks HTTP/2. */
export interface Http2Side {
  /** Takes a connection whose first bytes are those of HTTP/2. */
  accept(socket: Socket): void;
  /**
   * Asks all peers to open no more streams, and resolves when they have heard it; what they send
   * until then is served.
   */
  retire(): Promise<void>;
  /** Asks all peers to come again on another connection; what they send until then is served. */
  renew(): void;
  /** Takes no more streams; connections end with their last one. */
  close(): void;
  /** Ends all connections. */
  destroy(): void;
}

/** What the part of a listener that speaks HTTP/2 needs. */
export interface Http2Options {
  readonly limits: ServeLimits;
  readonly onRequest: HttpHandler;
  readonly lane: FastLane | undefined;
  readonly readers: Pick<SlowReaders, 'enter' | 'leave'>;
  /** Whether connections are read by ourselves, where there is a fast lane. */
  readonly own: boolean;
}

/** A session, and how it is used. */
interface Use {
  readonly session: ServerHttp2Session;
  readonly socket: Socket;
  streams: number;
  idleSinceMs: number;
  /** What waited to be sent at the last look, though nothing stands in its way. */
  stuckFrames: number;
  /** To be called when a stream of it is over; one function for all of them. */
  readonly left: () => void;
}

/** Opens the part of a listener that speaks HTTP/2. */
export function openHttp2(options: Http2Options): Http2Side {
  const { lane, own, limits } = options;
  const whole = openWhole(options);
  if (!own || !lane) return openNodeHttp2(options, whole);
  const behind = createServer(settingsFor(limits));
  behind.on('stream', (...opening: StreamOpening) => hand(opening, lane, whole));
  return openOwnHttp2(options, { lane, whole: behind });
}

type StreamOpening = [
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: string[],
];

/** Hands a stream to the fast lane, or else to those who know all of HTTP. */
function hand(opening: StreamOpening, lane: FastLane | undefined, whole: Http2Server): void {
  const [stream, headers, , rawHeaders] = opening;
  if (!lane?.take(stream, headers, rawHeaders)) whole.emit('stream', ...opening);
}

const settingsFor = (limits: ServeLimits) => ({
  maxSessionMemory: sessionMemoryMb,
  settings: {
    initialWindowSize: streamWindowBytes,
    maxConcurrentStreams: limits.streamsPerConnection,
    maxHeaderListSize: limits.headersMaxBytes,
  },
});

/** Makes requests and responses of the streams that are handed to it; it has no connections of its own. */
function openWhole({ limits, onRequest }: Pick<Http2Options, 'limits' | 'onRequest'>): Http2Server {
  const counted = { ...settingsFor(limits), Http2ServerResponse: CountedHttp2Response };
  return createServer(counted, (request, response) => {
    // Peers are held to the settings only from when they have acknowledged them.
    if (headerBytes(request.rawHeaders) <= limits.headersMaxBytes) {
      return onRequest(request, response);
    }
    response.statusCode = 431;
    response.end();
  });
}

function openNodeHttp2({ limits, lane, readers }: Http2Options, whole: Http2Server): Http2Side {
  const uses = new Set<Use>();
  const useOf = new WeakMap<object, Use>();
  let retired = false;
  const server = createServer(settingsFor(limits));
  server.on('stream', (...opening: StreamOpening) => {
    const [stream] = opening;
    enter(useOf.get(stream.session as object), stream);
    hand(opening, lane, whole);
  });
  const opened = (session: ServerHttp2Session, socket: Socket) => {
    const use = createUse(session, socket);
    uses.add(use);
    const reading = readingOf(use);
    readers.enter(reading);
    useOf.set(session, use);
    // The preface may be begun and never finished.
    const silent = setTimeout(() => session.destroy(), limits.silentSocketMs);
    session.once('remoteSettings', () => clearTimeout(silent));
    session.once('close', () => {
      clearTimeout(silent);
      uses.delete(use);
      readers.leave(reading);
    });
    session.setLocalWindowSize(connectionWindowBytes);
    if (retired) void sendAway(use);
  };
  const closeIdle = () => {
    const idleBeforeMs = performance.now() - limits.idleConnectionMs;
    for (const use of uses) {
      if (use.streams === 0 && use.idleSinceMs < idleBeforeMs) void sendAway(use);
    }
  };
  const looking = setInterval(closeIdle, limits.idleConnectionMs / looksPerTime).unref();
  const lookingForStuck = setInterval(() => {
    for (const use of uses) endStuck(use);
  }, STUCK_LOOK_MS).unref();
  return {
    accept(socket) {
      server.once('session', (session) => opened(session, socket));
      server.emit('connection', socket);
    },
    async retire() {
      retired = true;
      await Promise.all([...uses].map(sendAway));
    },
    renew() {
      for (const use of uses) void sendAway(use);
    },
    close() {
      clearInterval(looking);
      clearInterval(lookingForStuck);
      for (const { session } of uses) session.close();
    },
    destroy() {
      for (const { session } of uses) session.destroy();
    },
  };
}

/**
 * In two steps, so that no call is lost that was sent before the peer has heard of it: the first
 * asks for no more streams, and once the peer has read that, the second takes none. One ping does
 * not tell: its answer overtakes streams that the peer was about to open.
 */
async function sendAway(use: Use): Promise<void> {
  const { session, socket } = use;
  if (session.closed || session.destroyed) return;
  // Who cannot be told in two steps is told at once: what it sent too late it may send anew.
  if (!writePast(socket, shutdownNotice)) return session.close();
  const heard = pinged(session).then(() => pinged(session));
  await within(restMs, heard);
  // Some that have no stream open answer no more.
  if (use.streams > 0) await heard;
  if (!session.closed && !session.destroyed) session.close();
}

/** What Node keeps of a socket. */
interface Handle {
  readonly fd?: number;
}

/**
 * Writes past Node, which ignores new streams from when it has itself sent a GOAWAY of any kind.
 * Whatever Node writes is whole frames, so that one may stand between when nothing of Node's waits.
 * A write of the socket would do as well, were it not that one that has to wait for a slow reader
 * ends the process: the session takes it for its own. So would any over TLS. False: nothing is
 * written.
 */
function writePast(socket: Socket, bytes: Buffer): boolean {
  if ('encrypted' in socket) return false;
  const { fd } = ('_handle' in socket && (socket._handle as Handle)) || {};
  if (fd === undefined || fd < 0 || unsentBytes(socket) > 0) return false;
  try {
    // Half a frame would be worse than none.
    if (writeSync(fd, bytes) < bytes.length) socket.destroy();
    return true;
  } catch {
    return false;
  }
}

/** Resolves when the peer has answered, or never will. */
function pinged(session: ServerHttp2Session): Promise<void> {
  return new Promise((resolve) => {
    if (session.closed || session.destroyed || !session.ping(() => resolve())) resolve();
  });
}

function createUse(session: ServerHttp2Session, socket: Socket): Use {
  const use: Use = {
    ...{ session, socket, streams: 0, idleSinceMs: performance.now(), stuckFrames: 0 },
    left() {
      use.streams -= 1;
      use.idleSinceMs = performance.now();
    },
  };
  return use;
}

/**
 * A peer that reads its connection no more holds up all of it, calls among them whose answers are too small
 * to be watched on their own.
 */
function readingOf({ socket }: Use): Reading {
  return {
    get writableLength() {
      return unsentBytes(socket);
    },
    ...{ waitingBytes: 0, waitingSinceMs: 0, cutReader: () => socket.destroy() },
  };
}

/**
 * A peer that says GOAWAY and then breaks the protocol leaves a session of which Node (24.21) reads and writes
 * nothing more, and which it never ends, with its socket and the calls on it.
 */
function endStuck(use: Use): void {
  const { session, socket } = use;
  const isQuiet = session.closed && !session.destroyed && unsentBytes(socket) === 0;
  const frames = isQuiet ? (session.state.outboundQueueSize ?? 0) : 0;
  if (frames > 0 && frames === use.stuckFrames) socket.destroy();
  use.stuckFrames = frames;
}

function enter(use: Use | undefined, stream: ServerHttp2Stream): void {
  if (!use) return;
  use.streams += 1;
  stream.on('close', use.left);
}

function headerBytes(rawHeaders: readonly string[]): number {
  return rawHeaders.reduce((sum, text) => sum + text.length, 0);
}
