import type { Caller } from '@weir/kit';
import { type AuthenticationDeps, requireStillValid } from '../authenticate.ts';

/** How long a call that was revoked may take to be read up to its error. */
const REVOKED_CUT_MS = 500;
/** What timers can hold. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** What becomes of a call whose caller may not call any more. */
export interface OnRevoked {
  /** Ends the call with an error. Called once. */
  end(error: unknown): void;
  /** Cuts the call off, whose error nobody has read. */
  cut(): void;
}

/** Watches, for as long as a call lasts, whether its caller would still be let in. */
export function untilRevoked(
  deps: Pick<AuthenticationDeps, 'holder' | 'clock'>,
  caller: Caller,
  { end, cut }: OnRevoked,
): Disposable {
  let cutting: NodeJS.Timeout | undefined;
  const check = () => {
    if (cutting) return;
    try {
      requireStillValid(deps, caller);
    } catch (error) {
      cutting = setTimeout(cut, REVOKED_CUT_MS);
      end(error);
    }
  };
  const listening = deps.holder.onChange(check);
  const expiresMs = (caller.expireMs ?? Number.POSITIVE_INFINITY) - deps.clock.wallMs();
  const expiring = expiresMs < TIMER_MAX_MS ? setTimeout(check, Math.max(0, expiresMs)) : undefined;
  return {
    [Symbol.dispose]() {
      clearTimeout(cutting);
      clearTimeout(expiring);
      listening[Symbol.dispose]();
    },
  };
}
