import { Code, ConnectError } from '@connectrpc/connect';
import type { OutboundGuard } from '@weir/kit';
import { PING_INTERVAL_MS, Session } from './session.ts';

/** Who wants to open a stream. One of both is called, once. */
export interface SessionUser {
  /** A session that takes another stream now: it is to be opened at once, or not at all. */
  send(session: Session): void;
  /** There is none: a ConnectError. */
  fail(error: unknown): void;
}

/** The sessions of one address. */
export interface Sessions {
  /** Finds a session for another stream; at once when one is open and has room. */
  use(user: SessionUser): void;
  /** Ends them all at once, with what goes on in them. */
  abort(): void;
}

/** Beyond, calls wait for a stream within a session. */
const MAX_SESSIONS = 8;

/**
 * Opens sessions to an address as they are needed: another one when the peer takes no more
 * streams in those that are open. One that ends is replaced by the next call.
 */
export function openSessions(outbound: OutboundGuard, address: string): Sessions {
  const url = new URL(address);
  const taking: Session[] = [];
  const all = new Set<Session>();
  let pingIntervalMs = PING_INTERVAL_MS;

  const open = (): Session => {
    const session = new Session({
      ...{ outbound, url, pingIntervalMs },
      onEnded(ended) {
        const at = taking.indexOf(ended);
        if (at >= 0) taking.splice(at, 1);
        if (ended.state === 'gone') all.delete(ended);
      },
      onTooManyPings: () => {
        pingIntervalMs *= 2;
      },
    });
    taking.push(session);
    all.add(session);
    return session;
  };

  /** Undefined: another one is to be opened. */
  const pick = (): Session | undefined => {
    let least: Session | undefined;
    for (const session of taking) {
      if (session.hasRoom) return session;
      if (!least || session.streams < least.streams) least = session;
    }
    return taking.length < MAX_SESSIONS ? undefined : least;
  };

  const use = (user: SessionUser): void => {
    const session = pick() ?? open();
    if (session.state === 'open' && !session.isDoubtful) user.send(session);
    else void wait(session, user);
  };
  const wait = async (session: Session, user: SessionUser): Promise<void> => {
    if (session.state !== 'connecting') await session.verify();
    else {
      await session.connected;
      if (session.failure) {
        user.fail(session.failure);
        return;
      }
    }
    // Others that waited may have filled it meanwhile.
    use(user);
  };

  return {
    use,
    abort() {
      const error = new ConnectError('the connection was ended', Code.Canceled);
      for (const session of all) session.destroy(error);
    },
  };
}
