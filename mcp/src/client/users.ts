import { Code, type InputKind, ProviderError } from '@weir/sdk/provider';
import type { CallSession } from './calls.ts';
import type { User } from './oauth/authorizations.ts';
import { createSideSessions, type SideSessions } from './side-sessions.ts';
import type { Call } from './target.ts';

/** Sessions of users, of whom each has their own: nobody's calls go by another's token. */
export interface UserSessions extends AsyncDisposable {
  /** A session of a user; one alone for a call that may ask, where nobody knows whom a question is for. */
  acquire(by: UserCall, isAlone: (shared: CallSession) => boolean): Promise<CallSession>;
}

/** Who calls, and what of whoever that is can be asked. */
export interface UserCall extends Pick<Call, 'canAsk' | 'signal'> {
  readonly user: User;
}

type Opened = Omit<CallSession, 'release'>;

interface One {
  readonly shared: Promise<Opened>;
  readonly sides: SideSessions;
  uses: number;
  timer: NodeJS.Timeout | undefined;
}

/** How many users of an upstream are connected at a time. */
export const userSessionsMax = 200;
const idleMs = 5 * 60_000;

/** Opens sessions as users come, and closes those of who have been away. */
export function createUserSessions(
  open: (user: User, canAsk?: readonly InputKind[]) => Promise<Opened>,
): UserSessions {
  /** In the order of their last use. */
  const all = new Map<string, One>();

  async function end(name: string, one: One): Promise<void> {
    clearTimeout(one.timer);
    if (all.get(name) === one) all.delete(name);
    const opened = await one.shared.catch(() => undefined);
    await Promise.all([opened?.session[Symbol.asyncDispose](), one.sides[Symbol.asyncDispose]()]);
  }

  function admit(name: string, user: User): One {
    if (all.size >= userSessionsMax) {
      const idle = [...all].find(([, { uses }]) => uses === 0);
      if (!idle) {
        const text = `${userSessionsMax} users are at work at this upstream`;
        throw new ProviderError(Code.ResourceExhausted, text, { retryDelayMs: 2_000 });
      }
      void end(...idle);
    }
    const sides = createSideSessions('http', (canAsk) => open(user, canAsk));
    const one: One = { shared: open(user), sides, uses: 0, timer: undefined };
    const gone = () => void end(name, one);
    one.shared.then(({ session }) => session.closed.then(gone), gone);
    return one;
  }

  return {
    async acquire({ user, canAsk, signal }, isAlone) {
      const name = JSON.stringify([user.tenant, user.principal]);
      const one = all.get(name) ?? admit(name, user);
      all.delete(name);
      all.set(name, one);
      clearTimeout(one.timer);
      one.uses += 1;
      const release = () => {
        one.uses -= 1;
        if (one.uses === 0) one.timer = setTimeout(() => void end(name, one), idleMs).unref();
      };
      try {
        const opened = await one.shared;
        if (!isAlone({ ...opened, release })) return { ...opened, release };
        const alone = await one.sides.acquire(canAsk, signal);
        return {
          ...alone,
          release() {
            alone.release();
            release();
          },
        };
      } catch (error) {
        release();
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...all].map(([name, one]) => end(name, one)));
    },
  };
}
