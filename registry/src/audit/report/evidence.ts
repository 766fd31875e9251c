import { SensitivitySchema } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { ReasonSchema } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Action, Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { Found } from '../find.ts';
import { localNameOf } from '../words.ts';
import { type Counts, createCounts } from './tally.ts';

/** Items that are shown one by one, or calls without any; the rest can be exported. */
export const SHOWN_MAX = 5000;
/** Calls that are shown to give an idea. */
const SAMPLE = 20;

/** What is counted of items. */
export const itemFields = ['items', 'allowed', 'denied', 'redacted'] as const;
export type ItemField = (typeof itemFields)[number];

/** What records say, in bounded memory. */
export interface Evidence {
  readonly calls: number;
  readonly refusedCalls: number;
  readonly items: Readonly<Record<ItemField, number>>;
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
  /** What was done to values, by who, rule, type and sensitivity. */
  readonly byPrincipal: Counts<ItemField | 'calls'>;
  readonly byRule: Counts<ItemField>;
  readonly byType: Counts<ItemField>;
  readonly bySensitivity: Counts<ItemField>;
  /** Why calls and items were refused. */
  readonly byReason: Counts<'calls' | 'items'>;
  readonly byAuthentication: Counts<'calls'>;
  /** Records of the report, by the chains that hold them. */
  readonly byChain: Counts<'calls'>;
  /** All calls, oldest first, as far as they are shown. */
  readonly shown: readonly Found[];
  /** How many items and calls without any there were. */
  readonly showable: number;
  /** Calls that administer, oldest first, as far as they are shown. */
  readonly administration: readonly Found[];
  /** How many there were. */
  readonly administrationCalls: number;
  /** The last calls. */
  readonly sample: readonly Found[];
}

/** Gathers what records say. */
export interface Gathering {
  add(found: Found): void;
  readonly evidence: Evidence;
}

/** Begins without any. */
export function createGathering(): Gathering {
  const items = { items: 0, allowed: 0, denied: 0, redacted: 0 };
  const evidence = {
    calls: 0,
    refusedCalls: 0,
    items,
    firstMs: undefined as number | undefined,
    lastMs: undefined as number | undefined,
    byPrincipal: createCounts(['calls', ...itemFields]),
    byRule: createCounts(itemFields),
    byType: createCounts(itemFields),
    bySensitivity: createCounts(itemFields),
    byReason: createCounts(['calls', 'items']),
    byAuthentication: createCounts(['calls']),
    byChain: createCounts(['calls']),
    shown: [] as Found[],
    showable: 0,
    administration: [] as Found[],
    administrationCalls: 0,
    sample: [] as Found[],
  };

  function addCall(found: Found): void {
    const { record, timeMs, chain } = found;
    const calls = Math.max(1, record.calls);
    evidence.calls += calls;
    evidence.firstMs ??= timeMs;
    evidence.lastMs = timeMs;
    evidence.byChain.add(chain, 'calls');
    evidence.byPrincipal.add(record.principal, 'calls', calls);
    evidence.byAuthentication.add(record.authentication, 'calls', calls);
    if (record.code !== 0) {
      evidence.refusedCalls += calls;
      evidence.byReason.add(localNameOf(ReasonSchema, record.reason), 'calls', calls);
    }
    if (evidence.showable < SHOWN_MAX) evidence.shown.push(found);
    evidence.showable += Math.max(1, record.items.length);
    evidence.sample.push(found);
    if (evidence.sample.length > SAMPLE) evidence.sample.shift();
    if (!administers(found)) return;
    evidence.administrationCalls += 1;
    if (evidence.administration.length < SHOWN_MAX) evidence.administration.push(found);
  }

  function addItems({ record }: Found): void {
    for (const item of record.items) {
      const given = item.effect === Effect.ALLOW && item.code === 0;
      const fields: ItemField[] = ['items', given ? 'allowed' : 'denied'];
      if (item.redactions.length > 0) fields.push('redacted');
      const sensitivity = localNameOf(SensitivitySchema, item.sensitivity);
      if (!given) evidence.byReason.add(localNameOf(ReasonSchema, item.reason), 'items');
      for (const field of fields) {
        items[field] += 1;
        evidence.byPrincipal.add(record.principal, field);
        evidence.byType.add(item.type, field);
        if (item.known) evidence.bySensitivity.add(sensitivity, field);
        for (const rule of item.rules) evidence.byRule.add(rule, field);
      }
    }
  }

  return {
    evidence,
    add(found) {
      addCall(found);
      addItems(found);
    },
  };
}

/** Whether a call changes who may do what. */
function administers({ record: { method, items } }: Found): boolean {
  if (items.some(({ action }) => action === Action.ADMINISTER)) return true;
  return /^weir\.(registry\.v1\.AdminService|policy\.v1\.PolicyService|audit\.v1\.AuditService)\/(Create|Update|Delete|Put|Revoke|Rollback|Erase)/.test(
    method,
  );
}
