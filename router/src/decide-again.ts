import type { Caller } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { type AuthenticationDeps, requireStillValid } from './authenticate.ts';
import { type Circumstances, createAuthority, hidden, type Slot } from './authorise.ts';
import type { Call } from './call.ts';
import type { Gathered } from './gather/gather.ts';
import { type LinkDeps, linkedTo } from './gather/link.ts';
import { type GiveDeps, give, isTooOld } from './give.ts';
import { type Found, type Outcome, refused, refusedAtOnce } from './outcome.ts';
import type { SnapshotHolder } from './snapshot/holder.ts';
import type { Snapshot } from './snapshot/snapshot.ts';

/** What deciding again needs. */
export interface DecideAgainDeps
  extends GiveDeps,
    Pick<LinkDeps, 'blobs'>,
    Pick<AuthenticationDeps, 'holder' | 'clock'> {
  readonly holder: SnapshotHolder;
}

/** How long a decision holds while an item is on its way: rules may read the clock. */
const DECIDED_MAX_MS = 1_000;

/** By what it was decided. */
interface Decided {
  readonly call: Call;
  readonly snapshot: Snapshot;
  readonly slots: readonly Slot[];
  readonly circumstances: Circumstances;
}

/**
 * Decides once more what was decided under a snapshot that is not in force any more: nothing leaves
 * under a rule that was taken away meanwhile. A promise where values are to be made ready under other
 * obligations and that takes a while: what it brings is to be decided again. Throws
 * CREDENTIAL_INVALID when the caller would not be let in any more.
 */
export function decideAgain(
  deps: DecideAgainDeps,
  { call, snapshot, slots, circumstances }: Decided,
): (outcome: Outcome, index: number) => Gathered {
  let held = snapshot;
  let who = call.caller;
  let authority: ReturnType<typeof createAuthority> | undefined;
  let decidedMs = circumstances.nowMs;
  return (outcome, index) => {
    const { current } = deps.holder;
    const nowMs = deps.clock.wallMs();
    if (current !== held) who = requireStillValid(deps, who);
    if (current !== held || nowMs - decidedMs >= DECIDED_MAX_MS) {
      held = current;
      decidedMs = nowMs;
      authority = createAuthority(current, who, { ...circumstances, nowMs });
    }
    const slot = slots[index];
    if (!authority || !slot) return outcome;
    const access = authority.access('fetch', slot.ref.type);
    if (!access.visible) return refusedAtOnce(hidden(slot.ref));
    const { offer, entry } = slot;
    if (outcome.kind === 'refused' || !offer || !entry) return outcome;
    const verdict = access.decide(offer.provider, slot.ref.key, entry.facts);
    const before = slot.verdict;
    slot.verdict = verdict;
    if (verdict.effect !== 'allow') return refusedAtOnce(hidden(slot.ref));
    if (verdict.obligations === before.obligations) return outcome;
    return giveAnew(deps, outcome, { slot, call, caller: who, purpose: circumstances.purpose });
  };
}

/** The item under other obligations than it was made ready for. */
function giveAnew(
  deps: DecideAgainDeps,
  { link: _, ...outcome }: Found & Outcome,
  { slot, call, caller, purpose }: { slot: Slot; call: Call; caller: Caller; purpose: string },
): Gathered {
  const { offer, entry, verdict } = slot;
  // Nothing was looked at: there is nothing to give.
  if (!offer || !entry) return refusedAtOnce(hidden(slot.ref));
  if (isTooOld(verdict, outcome.ageMs)) {
    const text = 'the policy has just been changed, and asks for a newer item; ask again';
    return { ...refused(Reason.OVERLOADED, text, { retryDelayMs: 0 }), cache: outcome.cache };
  }
  const whole = { ...outcome, entry, redactions: [] };
  // The link that it had is of other bytes.
  return linkedTo(deps, call, give(deps, whole, { slot, offer, call, caller, purpose }));
}
