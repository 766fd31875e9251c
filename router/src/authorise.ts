import { type Caller, permitsAllow } from '@weir/kit';
import {
  type ActionName,
  type CallFacts,
  type Cell,
  type ItemFacts,
  indexPolicies,
  mergeVerdicts,
  noObligations,
  type PolicyIndex,
  type Verdict,
} from '@weir/policy';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Ref } from './batch.ts';
import type { CacheEntry } from './gather/entry.ts';
import { type Refused, refused } from './outcome.ts';
import type { Plan } from './plan.ts';
import type { Offer } from './snapshot/catalogue.ts';
import type { Snapshot } from './snapshot/snapshot.ts';
import { foreignSubjectOf, subjectOf } from './subject.ts';

/** Decides what one caller may do, under one snapshot. */
export interface Authority {
  readonly snapshot: Snapshot;
  /** What the caller may do with a type. */
  access(action: ActionName, type: string): Access;
}

/** What a caller may do with a type. */
export interface Access {
  /** Whether the caller may know that the type is there. */
  readonly visible: boolean;
  /** What the rules read that may apply, such as "resource.sensitivity". */
  readonly reads: readonly string[];
  /** Decides on a key of a provider's; without the item perhaps only conditionally. */
  decide(provider: Owned, key: string, item?: ItemFacts): Verdict;
}

/** A provider, and whose it is. */
export interface Owned {
  readonly tenant: string;
  readonly name: string;
}

/** What is known of a call beside who calls. */
export interface Circumstances {
  /** Empty: not stated. */
  readonly purpose: string;
  /** Wall time. */
  readonly nowMs: number;
}

const nothingAllowed: PolicyIndex = indexPolicies([]);

const denied: Verdict = {
  effect: 'deny',
  rules: [],
  obligations: noObligations,
  failed: undefined,
};

/** Nothing may be done, whatever it is. */
const noAccess: Access = { visible: false, reads: [], decide: () => denied };

/** Makes the authority of a call. */
export function createAuthority(
  snapshot: Snapshot,
  caller: Caller,
  { purpose, nowMs }: Circumstances,
): Authority {
  const { network, authentication } = caller;
  const facts: CallFacts = { purpose, network, authentication, nowMs };
  const own = policyOf(snapshot, caller.tenant);
  const subject = subjectOf(snapshot, caller);
  const known = new Map<string, Access>();
  const access = (action: ActionName, type: string): Access => {
    // Permits bound what may be read; what may be administered is bound by scopes.
    if (action !== 'administer' && !permitsAllow(caller.permits, action, type)) return noAccess;
    const cell = own.cell(subject, action, type);
    const owners = (tenant: string): Cell =>
      policyOf(snapshot, tenant).cell(foreignSubjectOf(caller), action, type);
    return {
      visible: cell.visible,
      reads: cell.reads,
      decide(provider, key, item) {
        const resource = { key, provider: provider.name };
        const verdict = cell.decide(facts, resource, item);
        // Of what another tenant shares, both decide.
        if (provider.tenant === caller.tenant || verdict.effect === 'deny') return verdict;
        return mergeVerdicts(verdict, owners(provider.tenant).decide(facts, resource, item));
      },
    };
  };
  return {
    snapshot,
    access(action, type) {
      const name = `${action} ${type}`;
      const made = known.get(name) ?? access(action, type);
      known.set(name, made);
      return made;
    },
  };
}

/** A ref on its way: where it may be asked for, and what was decided. */
export interface Slot {
  readonly index: number;
  readonly ref: Ref;
  readonly plan: Plan;
  readonly access: Access;
  /** The routes of the plan that are not denied beforehand, in their order. */
  readonly routes: readonly Offer[];
  /** What was decided of each of them without the item. */
  readonly verdicts: readonly Verdict[];
  /** Set: nothing is asked. */
  readonly refused: Refused | undefined;
  /** Whether it depends on the item itself: then what is missing looks like what is forbidden. */
  readonly conditional: boolean;
  /** How many of its routes were asked. */
  tried: number;
  /** What was decided last. */
  verdict: Verdict;
  /** The item that it was decided on last, as the caches hold it; undefined: none was there. */
  served: { readonly offer: Offer; readonly entry: CacheEntry } | undefined;
}

/**
 * Decides a planned ref as far as that can be done without the item: pure, before anything is looked
 * up. A refusal of the plan is told only to those who may know of the type.
 */
export function authoriseRef(index: number, ref: Ref, plan: Plan, access: Access): Slot {
  const routes: Offer[] = [];
  const verdicts: Verdict[] = [];
  let conditional = false;
  let first: Verdict | undefined;
  for (const offer of plan.routes) {
    const verdict = access.decide(offer.provider, ref.key);
    first ??= verdict;
    if (verdict.effect === 'deny') continue;
    routes.push(offer);
    verdicts.push(verdict);
    conditional ||= verdict.effect === 'conditional';
  }
  const told = access.visible ? plan.refused : undefined;
  return {
    ...{ index, ref, plan, access, routes, verdicts, conditional, tried: 0, served: undefined },
    refused: told ?? (routes.length === 0 ? hidden(ref) : undefined),
    verdict: verdicts[0] ?? first ?? denied,
  };
}

/** What those are told of a ref who may not know whether there is such an item. */
export function hidden({ type, key }: Ref): Refused {
  const text = `there is no ${type} ${JSON.stringify(key)}, or you may not read it`;
  return refused(Reason.NOT_FOUND, text);
}

function policyOf(snapshot: Snapshot, tenant: string): PolicyIndex {
  return snapshot.tenants.get(tenant)?.policy ?? nothingAllowed;
}
