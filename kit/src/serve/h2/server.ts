import { within } from '../abort.ts';
import type { Http2Options, Http2Side } from '../http2.ts';
import type { FastLane } from '../lane/lane.ts';
import type { Reading } from '../slow-reader.ts';
import { unsentBytes } from '../stuck.ts';
import type { WholeServer } from './bridge.ts';
import { Session } from './session.ts';

const LOOKS_PER_TIME = 4;
/** How long a peer on whose connection nothing is asked may take to hear that it is to go. */
const REST_MS = 1_000;

/**
 * Opens the part of a listener that speaks HTTP/2, by ourselves: streams of the fast lane are our own, all others
 * are those of a session of node:http2 behind the connection.
 */
export function openOwnHttp2(
  { limits, readers }: Http2Options,
  { lane, whole }: { readonly lane: FastLane; readonly whole: WholeServer },
): Http2Side {
  const sessions = new Set<Session>();
  const silent = new Map<Session, NodeJS.Timeout>();
  const readings = new Map<Session, Reading>();
  let retired = false;
  const greeted = (session: Session) => {
    clearTimeout(silent.get(session));
    silent.delete(session);
  };
  const host = {
    ...{ limits, lane, whole, greeted },
    closed(session: Session) {
      greeted(session);
      sessions.delete(session);
      readers.leave(readings.get(session) as Reading);
      readings.delete(session);
    },
  };
  const closeIdle = () => {
    const beforeMs = performance.now() - limits.idleConnectionMs;
    for (const session of sessions) {
      if (session.openStreams === 0 && session.idleSinceMs < beforeMs) void sendAway(session);
    }
  };
  const looking = setInterval(closeIdle, limits.idleConnectionMs / LOOKS_PER_TIME).unref();
  return {
    accept(socket) {
      const session = new Session(socket, host);
      sessions.add(session);
      // The preface may be begun and never finished.
      silent.set(
        session,
        setTimeout(() => session.destroy(), limits.silentSocketMs),
      );
      const reading = readingOf(session);
      readings.set(session, reading);
      readers.enter(reading);
      if (retired) void sendAway(session);
    },
    async retire() {
      retired = true;
      await Promise.all([...sessions].map(sendAway));
    },
    renew() {
      for (const session of sessions) void sendAway(session);
    },
    close() {
      clearInterval(looking);
      for (const session of sessions) session.close();
    },
    destroy() {
      for (const session of sessions) session.destroy();
    },
  };
}

/**
 * In two steps, so that no call is lost that was sent before the peer has heard of it: the first asks for no more
 * streams, and once the peer has read that, the second takes none. One ping does not tell: its answer
 * overtakes streams that the peer was about to open.
 */
async function sendAway(session: Session): Promise<void> {
  if (session.closing) return;
  session.announceClose();
  const heard = session.ping().then(() => session.ping());
  await within(REST_MS, heard);
  // Some that have no stream open answer no more.
  if (session.openStreams > 0) await heard;
  session.close();
}

/** A peer that reads its connection no more holds up all of it. */
function readingOf(session: Session): Reading {
  const { socket } = session;
  return {
    get writableLength() {
      return unsentBytes(socket) + session.waitingBytes;
    },
    ...{ waitingBytes: 0, waitingSinceMs: 0, cutReader: () => socket.destroy() },
  };
}
