import { type Caller, WeirError } from '@weir/kit';
import type { Verdict } from '@weir/policy';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Slot } from './authorise.ts';
import type { Call, Stopped } from './call.ts';
import { type Found, type Outcome, type Refused, refused } from './outcome.ts';
import type { Redacted, Redactions } from './redactions.ts';
import type { Offer } from './snapshot/catalogue.ts';

/** What giving out items needs. */
export interface GiveDeps {
  readonly redactions: Redactions;
}

/** To whom, and what for. */
interface Given {
  readonly slot: Slot;
  readonly offer: Offer;
  /** The call, and the caller as it is now. */
  readonly call: Pick<Call, 'stopped'>;
  readonly caller: Caller;
  readonly purpose: string;
}

const RETRY_MS = 1_000;

/**
 * An allowed item as its obligations let it be given out; refused when they cannot be met. A
 * promise only where values are changed and that takes a thread.
 */
export function give(
  { redactions }: GiveDeps,
  found: Found & Outcome,
  { slot, offer, call, caller, purpose }: Given,
): Outcome | Promise<Outcome> {
  const { cache } = found;
  const { obligations } = slot.verdict;
  const missing = obligations.purposes.find((purposes) => !purposes.includes(purpose));
  if (missing) {
    const text = `the policy asks what the call is for; state one of these purposes: ${missing.join(', ')}`;
    return { ...refused(Reason.PURPOSE_REQUIRED, text), cache };
  }
  if (!obligations.changesValues) return found;
  const how = { obligations, offer, tenant: caller.tenant };
  const redacted = redactions.of(found.entry, how, () => call.stopped());
  return redacted instanceof Promise
    ? redacted.then((late) => outcomeOf(found, late))
    : outcomeOf(found, redacted);
}

function outcomeOf(found: Found & Outcome, redacted: Redacted | Stopped): Outcome {
  if (typeof redacted === 'object' && !(redacted instanceof WeirError)) {
    return { ...found, ...redacted };
  }
  return { ...refusalOf(redacted, found), cache: found.cache };
}

function refusalOf(why: Exclude<Redacted | Stopped, object> | WeirError, found: Found): Refused {
  if (why instanceof WeirError) {
    return refused(why.reason, why.message, { retryDelayMs: why.retryDelayMs ?? RETRY_MS });
  }
  switch (why) {
    case 'refused': {
      const text = 'the policy has parts of this item hidden, and its form does not allow that';
      return refused(Reason.NOT_REDACTABLE, text);
    }
    case 'lost':
      return { ...lostValue(), lost: found.entry };
    case 'late': {
      const text = 'the parts of this item to hide were not hidden within the time for the item';
      return refused(Reason.DEADLINE_EXCEEDED, text, { retryDelayMs: RETRY_MS });
    }
    case 'gone':
      return refused(Reason.CANCELLED, 'the caller has gone');
    default:
      return why satisfies never;
  }
}

/** The refusal of a large value that the blob store does not have any more. */
export function lostValue(): Refused {
  const text = 'the store of large values did not keep the value';
  return refused(Reason.BLOB_STORE_UNAVAILABLE, text, { retryDelayMs: RETRY_MS });
}

/** Whether an allowed item is older than its obligations let it be. */
export function isTooOld({ obligations }: Verdict, ageMs: number): boolean {
  return obligations.maxAgeMs !== undefined && ageMs > obligations.maxAgeMs;
}
