import { randomBytes } from 'node:crypto';

/** A sign-in as it is begun. */
export interface NewSignIn {
  /** Whose it is; the one before of the same is over. */
  readonly holder: string;
  /** What is asked for. */
  readonly wanted: string;
  /** The page of the authorization server. */
  readonly page: URL;
  /** The state by which that server says whose answer it brings. */
  readonly state: string;
  /** The upstream, and who is to sign in, as the person at the browser is told. */
  readonly title: string;
  readonly who: string;
  /** Takes what the authorization server sent back. */
  finish(answer: URLSearchParams): Promise<void>;
}

/** A sign-in that a person has to do. */
export interface SignIn extends NewSignIn {
  /** The part of its address that nobody can guess. */
  readonly id: string;
  /** The browser that went on with it. */
  readonly browser: string;
}

/** The sign-ins that are under way. Each is good for one answer, for a while. */
export interface SignIns {
  /** Begins one; gives the address where a person does it. Throws RangeError when there are too many. */
  begin(signIn: NewSignIn): string;
  /** The address of one that is under way for the same. */
  pending(holder: string, wanted: string): string | undefined;
  /** Finds the one that was given out at an address. */
  find(id: string): SignIn | undefined;
  /** Takes the one that an answer is for; it is over then. */
  take(state: string): SignIn | undefined;
  /** Ends those of a holder. */
  drop(isOf: (holder: string) => boolean): void;
}

/** How long a person may take. */
export const signInForMs = 10 * 60_000;
/** How many may be under way. */
export const signInsMax = 1_000;
const idBytes = 32;
/** Who is asked to sign in gets an address that is good for a while yet. */
const freshMs = 60_000;

/** Something that nobody can guess. */
export function newSecret(): string {
  return randomBytes(idBytes).toString('base64url');
}

/** Keeps sign-ins, whose addresses begin with `address`. */
export function createSignIns(address: string): SignIns {
  const all = new Map<string, { readonly signIn: SignIn; readonly untilMs: number }>();

  function sweep(): void {
    for (const [state, { untilMs }] of all) {
      if (untilMs <= performance.now()) all.delete(state);
    }
  }
  const values = () => [...all.values()];

  return {
    begin(given) {
      sweep();
      for (const [state, { signIn }] of all) if (signIn.holder === given.holder) all.delete(state);
      if (all.size >= signInsMax) throw new RangeError(`${signInsMax} sign-ins are under way`);
      const signIn = { ...given, id: newSecret(), browser: newSecret() };
      all.set(given.state, { signIn, untilMs: performance.now() + signInForMs });
      return `${address}${signIn.id}`;
    },
    pending(holder, wanted) {
      const sinceMs = performance.now() + freshMs;
      const found = values().find(
        ({ signIn, untilMs }) =>
          signIn.holder === holder && signIn.wanted === wanted && untilMs > sinceMs,
      );
      return found && `${address}${found.signIn.id}`;
    },
    find(id) {
      sweep();
      return values().find(({ signIn }) => signIn.id === id)?.signIn;
    },
    take(state) {
      sweep();
      const found = all.get(state)?.signIn;
      all.delete(state);
      return found;
    },
    drop(isOf) {
      for (const [state, { signIn }] of all) if (isOf(signIn.holder)) all.delete(state);
    },
  };
}
