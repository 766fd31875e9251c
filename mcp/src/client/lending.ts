import { Code, type InputKind, ProviderError } from '@weir/sdk/provider';
import type { CallSession } from './calls.ts';
import { toProviderError } from './errors.ts';
import { connectorItself, type User } from './oauth/authorizations.ts';
import type { Era, Session } from './session.ts';
import { createSideSessions } from './side-sessions.ts';
import type { Call } from './target.ts';
import { createUserSessions } from './users.ts';

/** Who wants a session, and what of whoever that is can be asked. */
export type Asking = Pick<Call, 'canAsk' | 'signal'> & { readonly caller: User };
/** A session as it is opened. */
export type Opened = Omit<CallSession, 'release'>;

/** What lending needs of an upstream. */
export interface LendingDeps {
  /** What callers know the upstream as. */
  readonly name: string;
  readonly transport: 'http' | 'stdio';
  /** Whether each user has a session of their own. */
  readonly hasUsers: boolean;
  /** The session that all others share. Throws a ProviderError while there is none. */
  main(): CallSession;
  /** Opens one; what can be asked in it is all that Weir can pass on, unless it is said. */
  open(era: Era | undefined, user: User, canAsk?: readonly InputKind[]): Promise<Opened>;
  /** The era that the upstream was found to speak. */
  era(): Era | undefined;
  /** Whether the upstream has ever asked something in the middle of a call. */
  asks(): boolean;
  /** Is told of what failed, and of the session that it failed at. */
  onFault(error: unknown, session: Session | undefined): void;
}

/** Lends the sessions of an upstream: to each caller one that is right for them. */
export interface Lending extends AsyncDisposable {
  /** Does something with sessions; whatever fails is told as callers may know it. */
  lend<T>(task: (acquire: (by: Asking) => Promise<CallSession>) => Promise<T>): Promise<T>;
  /** Does something with one session, in which nothing can be asked. */
  borrow<T>(caller: User, task: (session: Session) => Promise<T>): Promise<T>;
}

/** Lends sessions, and opens them as they are needed. */
export function createLending(deps: LendingDeps): Lending {
  const sides = createSideSessions(deps.transport, (canAsk) =>
    deps.open('legacy', connectorItself, canAsk),
  );
  const users = createUserSessions((user, ...canAsk) => deps.open(deps.era(), user, ...canAsk));

  async function acquire({ canAsk, caller, signal }: Asking): Promise<CallSession> {
    const isAlone = ({ session }: CallSession) =>
      deps.asks() && canAsk.length > 0 && session.era === 'legacy';
    if (deps.hasUsers) {
      const user = userOf(caller, deps.name);
      return await users.acquire({ user, canAsk, signal }, isAlone);
    }
    const shared = deps.main();
    return isAlone(shared) ? await sides.acquire(canAsk, signal) : shared;
  }

  const lend: Lending['lend'] = async (task) => {
    let taken: CallSession | undefined;
    try {
      return await task(async (by) => {
        taken = await acquire(by);
        return taken;
      });
    } catch (error) {
      deps.onFault(error, taken?.session);
      throw toProviderError(error, deps.name);
    }
  };

  return {
    lend,
    borrow: (caller, task) =>
      lend(async (acquired) => {
        const taken = await acquired({ caller, canAsk: [], signal: never });
        try {
          return await task(taken.session);
        } finally {
          taken.release();
        }
      }),
    async [Symbol.asyncDispose]() {
      await Promise.all([sides, users].map((each) => each[Symbol.asyncDispose]()));
    },
  };
}

/** Who can be asked nothing waits for no session. */
const never = new AbortController().signal;

/** Whose token is sent: the one of whoever calls, and of nobody else. */
function userOf({ tenant, principal }: User, name: string): User {
  if (principal !== '') return { tenant, principal };
  const text = `${name} is for users who have signed in, and nobody says which one calls`;
  throw new ProviderError(Code.FailedPrecondition, text);
}
