import { createTally, type Metrics, reasonName } from '@weir/kit';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import type { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { RecordedKind } from './audit/recorded.ts';
import type { Outcome } from './outcome.ts';
import type { RedactionResult } from './redactions.ts';
import type { FollowerState } from './snapshot/follower.ts';
import type { SnapshotHolder } from './snapshot/holder.ts';

/** What metrics and traces call the ways in which a cache took part. */
export const cacheNames: ReadonlyMap<number, string> = new Map(
  Object.entries(CacheStatus).map(([name, value]) => [value, name.toLowerCase()]),
);

/** Counts items by what became of them; returns the function to call with an outcome, or many alike. */
export function observeItems({
  meter,
}: Pick<Metrics, 'meter'>): (outcome: Outcome, by?: number) => void {
  // One number for each pair, so that counting makes no garbage: reasons have at most 16 bits.
  const reasonBits = 16;
  const count = createTally<number>(meter, {
    name: 'weir_items',
    description: 'Items answered, by outcome (ok or the reason of the refusal) and cache status.',
    labels: (key) => ({
      outcome: outcomeName(key % 2 ** reasonBits),
      cache: cacheNames.get(Math.floor(key / 2 ** reasonBits)) ?? 'unknown',
    }),
    shown: [CacheStatus.HIT_MEMORY, CacheStatus.MISS].map((status) => status * 2 ** reasonBits),
  });
  return (outcome, by) => {
    const reason = outcome.kind === 'found' ? 0 : outcome.refusal.reason;
    count(outcome.cache * 2 ** reasonBits + reason, by);
  };
}

function outcomeName(reason: number): string {
  return reason === 0
    ? 'ok'
    : reasonName(reason as Reason)
        .replace('REASON_', '')
        .toLowerCase();
}

/** An item that was decided on. */
interface Decided {
  readonly kind: Pick<RecordedKind, 'action' | 'effect'>;
}

/** Counts what was decided; returns the function to call with what is recorded of a call's items. */
export function observeDecisions({
  meter,
}: Pick<Metrics, 'meter'>): (items: readonly Decided[]) => void {
  const count = createTally<string>(meter, {
    name: 'weir_decisions',
    description: 'Items that were decided on, by what was to be done and what was decided.',
    labels: (key) => {
      const [action = '', effect = ''] = key.split(' ');
      return { action, effect };
    },
    shown: ['fetch allow', 'fetch deny'],
  });
  return (items) => {
    // Those of one call are mostly alike.
    let [action, effect, alike] = ['', '', 0];
    for (const { kind } of items) {
      if (kind.action !== action || kind.effect !== effect) {
        if (alike > 0) count(`${action} ${effect}`, alike);
        ({ action, effect } = kind);
        alike = 0;
      }
      alike += 1;
    }
    if (alike > 0) count(`${action} ${effect}`, alike);
  };
}

/** Counts what was made of values that obligations are about. */
export function observeRedactions({
  meter,
}: Pick<Metrics, 'meter'>): (result: RedactionResult) => void {
  return createTally<RedactionResult>(meter, {
    name: 'weir_redactions',
    description: 'Values that obligations are about, by what was made of them.',
    labels: (result) => ({ result }),
    shown: ['made', 'kept', 'shared', 'none', 'refused', 'stopped', 'lost', 'failed'],
  });
}

/** Shows how old the snapshot is; returns the function to call with every confirmation of it. */
export function observeSnapshot(
  { meter }: Pick<Metrics, 'meter'>,
  holder: SnapshotHolder,
): (changed: boolean) => void {
  meter
    .createObservableGauge('weir_snapshot_age_seconds', {
      description: 'Time since the registry last confirmed the snapshot.',
    })
    .addCallback((result) => result.observe(holder.ageMs() / 1000));
  meter
    .createObservableGauge('weir_snapshot_revision', {
      description: 'Revision of the snapshot in force.',
    })
    .addCallback((result) => result.observe(Number(holder.current.revision)));
  const count = createTally<string>(meter, {
    name: 'weir_snapshot_updates',
    description: 'Messages of the registry that were applied: changes, and confirmations.',
    labels: (kind) => ({ kind }),
    shown: ['change', 'confirmation'],
  });
  return (changed) => count(changed ? 'change' : 'confirmation');
}

const linkStates: readonly FollowerState['kind'][] = ['connecting', 'following', 'waiting'];

/** Shows how a router stands with the registry. */
export function observeLink(
  { meter }: Pick<Metrics, 'meter'>,
  follower: { readonly state: FollowerState },
): void {
  meter
    .createObservableGauge('weir_registry_link', {
      description: 'How the router stands with the registry: 1 for the state that it is in.',
    })
    .addCallback((result) => {
      for (const state of linkStates)
        result.observe(follower.state.kind === state ? 1 : 0, { state });
    });
}
