import { type Clock, createTally, type Logger, type Metrics } from '@weir/kit';
import type { Database } from '../store/driver.ts';
import { type AuditStore, createAuditStore } from './audit-store.ts';
import { createSeals } from './seals.ts';
import { createSlots, type Slots } from './slots.ts';
import type { Taken } from './store/chains.ts';

/** What the RPCs and keepers of records work with. */
export interface Audit {
  readonly records: AuditStore;
  /** How long records are kept, whoever asks for them to be erased. */
  readonly minRetentionMs: number;
  /** The long readings under way. */
  readonly slots: Slots;
}

/** What records are kept with. */
export interface AuditDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'meter'>;
  readonly serviceSecret: Uint8Array;
  readonly minRetentionMs: number;
}

type Sent = 'open' | 'anchor' | 'ship';

/** Creates what records are kept with. Contradictions are logged and counted. */
export function createAudit(deps: AuditDeps): Audit {
  const { db, clock, minRetentionMs } = deps;
  const records = createAuditStore(db, createSeals(deps.serviceSecret), clock);
  return { minRetentionMs, records: watched(records, deps), slots: createSlots() };
}

function watched(records: AuditStore, { log, metrics: { meter } }: AuditDeps): AuditStore {
  const contradictions = createTally<Sent>(meter, {
    name: 'weir_registry_audit_contradictions',
    description: 'What routers sent of their journals that contradicts what is held, by call.',
    labels: (call) => ({ call }),
    shown: ['open', 'anchor', 'ship'],
  });
  const batches = createTally<'taken' | 'left'>(meter, {
    name: 'weir_registry_audit_batches',
    description: 'Batches of entries that routers shipped: taken in, or left to be sent again.',
    labels: (result) => ({ result }),
    shown: ['taken', 'left'],
  });
  const rows = createTally<'dropped' | 'merged'>(meter, {
    name: 'weir_registry_audit_rows',
    description: 'Rows of records that were dropped, being too old, or merged with others.',
    labels: (result) => ({ result }),
    shown: ['dropped', 'merged'],
  });
  const lost = createTally<'entries'>(meter, {
    name: 'weir_registry_audit_lost_entries',
    description: 'Entries that neither the database nor the router that wrote them has any more.',
    labels: () => ({}),
    shown: ['entries'],
  });
  const watch = (call: Sent, taken: Taken): Taken => {
    if (taken.kind === 'taken' && taken.lost) {
      lost('entries', taken.lost.count);
      log.error({ ...taken.lost }, 'the database has lost records that their router has deleted');
    }
    if (taken.kind !== 'contradicts') return taken;
    contradictions(call);
    log.error({ call, ...taken.fault }, 'the journal of a router contradicts what is held');
    return taken;
  };
  return {
    ...records,
    openChain: async (chain, options) => watch('open', await records.openChain(chain, options)),
    anchor: async (anchor) => watch('anchor', await records.anchor(anchor)),
    async ship(batch) {
      const taken = watch('ship', await records.ship(batch));
      const end = Number(batch.first) + batch.entries.length;
      batches(taken.kind === 'taken' && taken.shipped >= end ? 'taken' : 'left');
      return taken;
    },
    async dropOlder(tenant, beforeMs) {
      const dropped = await records.dropOlder(tenant, beforeMs);
      rows('dropped', dropped);
      return dropped;
    },
    async merge(signal) {
      const merged = await records.merge(signal);
      rows('merged', merged);
      return merged;
    },
  };
}
