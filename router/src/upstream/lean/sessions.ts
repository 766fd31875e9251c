import { Code, ConnectError } from '@connectrpc/connect';
import type { OutboundGuard } from '@weir/kit';
import { PING_INTERVAL_MS, Session } from './session.ts';

/** Who wants to open a stream. One of both is called, once. */
export interface SessionUser {
  /** It wants none any more. */
  readonly isOver: boolean;
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
/** So often a call waits for a session; then the peer has none for it. */
const MAX_WAITS = 16;
const MAX_PING_INTERVAL_MS = 60 * PING_INTERVAL_MS;

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
        pingIntervalMs = Math.min(2 * pingIntervalMs, MAX_PING_INTERVAL_MS);
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

  const use = (user: SessionUser, waits = 0): void => {
    if (user.isOver) return;
    const session = pick() ?? open();
    if (session.state === 'open' && !session.isDoubtful) user.send(session);
    else if (waits < MAX_WAITS) void wait(session, user, waits);
    else user.fail(new ConnectError('the peer takes no calls', Code.Unavailable));
  };
  const wait = async (session: Session, user: SessionUser, waits: number): Promise<void> => {
    if (session.state !== 'connecting') await session.verify();
    else {
      await session.connected;
      if (session.failure) {
        user.fail(session.failure);
        return;
      }
    }
    // Others that waited may have filled it meanwhile.
    use(user, waits + 1);
  };

  return {
    use: (user) => use(user),
    abort() {
      const error = new ConnectError('the connection was ended', Code.Canceled);
      for (const session of all) session.destroy(error);
    },
  };
}
