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
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Ref } from './batch.ts';
import type { CacheSpace } from './gather/cache-space.ts';
import type { CacheEntry } from './gather/entry.ts';
import { type Refused, refused } from './outcome.ts';
import type { Plan } from './plan.ts';
import type { Offer } from './snapshot/catalogue.ts';
import type { Snapshot } from './snapshot/snapshot.ts';
import { foreignSubjectOf, subjectOf } from './subject.ts';

/** Decides what one caller may do, under one snapshot. */
export interface Authority {
  readonly snapshot: Snapshot;
  readonly caller: Caller;
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
  return new CallAuthority(snapshot, caller, {
    ...{ purpose, nowMs, network: caller.network, authentication: caller.authentication },
  });
}

/** Of the hot path: the type asked for last is most often asked for again. */
class CallAuthority implements Authority {
  readonly snapshot: Snapshot;
  readonly caller: Caller;
  readonly facts: CallFacts;
  readonly #own: PolicyIndex;
  #lastAction: ActionName | undefined;
  #lastType = '';
  #last: Access = noAccess;
  #known: Map<string, Access> | undefined;

  constructor(snapshot: Snapshot, caller: Caller, facts: CallFacts) {
    this.snapshot = snapshot;
    this.caller = caller;
    this.facts = facts;
    this.#own = policyOf(snapshot, caller.tenant);
  }

  access(action: ActionName, type: string): Access {
    if (type === this.#lastType && action === this.#lastAction) return this.#last;
    const name = `${action} ${type}`;
    const access = this.#known?.get(name) ?? this.#make(action, type);
    this.#known ??= new Map();
    this.#known.set(name, access);
    this.#lastAction = action;
    this.#lastType = type;
    this.#last = access;
    return access;
  }

  #make(action: ActionName, type: string): Access {
    const { caller } = this;
    // Permits bound what may be read; what may be administered and published is bound by scopes.
    const isRead = action !== 'administer' && action !== 'publish';
    if (isRead && !permitsAllow(caller.permits, action, type)) return noAccess;
    const cell = this.#own.cell(subjectOf(this.snapshot, caller), action, type);
    return new CellAccess(this, cell, { action, type });
  }
}

class CellAccess implements Access {
  readonly #authority: CallAuthority;
  readonly #cell: Cell;
  readonly #of: { readonly action: ActionName; readonly type: string };
  readonly #resource = { key: '', provider: '' };

  constructor(authority: CallAuthority, cell: Cell, of: { action: ActionName; type: string }) {
    this.#authority = authority;
    this.#cell = cell;
    this.#of = of;
  }

  get visible(): boolean {
    return this.#cell.visible;
  }

  get reads(): readonly string[] {
    return this.#cell.reads;
  }

  decide(provider: Owned, key: string, item?: ItemFacts): Verdict {
    const { facts, caller } = this.#authority;
    const resource = this.#resource;
    resource.key = key;
    resource.provider = provider.name;
    const verdict = this.#cell.decide(facts, resource, item);
    // Of what another tenant shares, both decide.
    if (provider.tenant === caller.tenant || verdict.effect === 'deny') return verdict;
    return mergeVerdicts(verdict, this.#ofOwner(provider.tenant).decide(facts, resource, item));
  }

  #ofOwner(tenant: string): Cell {
    const { snapshot, caller } = this.#authority;
    const { action, type } = this.#of;
    return policyOf(snapshot, tenant).cell(foreignSubjectOf(caller), action, type);
  }
}

/** A ref on its way: where it may be asked for, what was decided, and how far it has come. Of the hot path. */
export class Slot {
  readonly index: number;
  readonly ref: Ref;
  readonly plan: Plan;
  readonly access: Access;
  /** The routes of the plan that are not denied beforehand, in their order. */
  routes: readonly Offer[];
  /** What was decided of each of them without the item; undefined: there is one, and `verdict` is it. */
  verdicts: readonly Verdict[] | undefined = undefined;
  /** Set: nothing is asked. */
  refused: Refused | undefined = undefined;
  /** Whether it depends on the item itself: then what is missing looks like what is forbidden. */
  conditional = false;
  /** How many of its routes were asked. */
  tried = 0;
  /** What was decided last. */
  verdict: Verdict;
  /** Where what is asked for lies in the caches, and how it came from there or from elsewhere. */
  space: CacheSpace | undefined = undefined;
  cache: CacheStatus = CacheStatus.UNSPECIFIED;
  /** The item that it was decided on last, as the caches hold it, and whose; undefined: none was there. */
  offer: Offer | undefined = undefined;
  entry: CacheEntry | undefined = undefined;

  constructor(index: number, ref: Ref, plan: Plan, access: Access) {
    this.index = index;
    this.ref = ref;
    this.plan = plan;
    this.access = access;
    this.routes = plan.routes;
    this.verdict = denied;
  }
}

/**
 * Decides a planned ref as far as that can be done without the item: pure, before anything is looked
 * up. A refusal of the plan is told only to those who may know of the type.
 */
export function authoriseRef(index: number, ref: Ref, plan: Plan, access: Access): Slot {
  const slot = new Slot(index, ref, plan, access);
  if (plan.routes.length === 1) {
    const verdict = access.decide((plan.routes[0] as Offer).provider, ref.key);
    if (verdict.effect !== 'deny') {
      slot.verdict = verdict;
      slot.conditional = verdict.effect === 'conditional';
      return slot;
    }
  }
  authoriseRoutes(slot);
  return slot;
}

function authoriseRoutes(slot: Slot): void {
  const { plan, access, ref } = slot;
  const routes: Offer[] = [];
  const verdicts: Verdict[] = [];
  let first: Verdict | undefined;
  for (const offer of plan.routes) {
    const verdict = access.decide(offer.provider, ref.key);
    first ??= verdict;
    if (verdict.effect === 'deny') continue;
    routes.push(offer);
    verdicts.push(verdict);
    slot.conditional ||= verdict.effect === 'conditional';
  }
  slot.routes = routes;
  slot.verdicts = verdicts;
  slot.verdict = verdicts[0] ?? first ?? denied;
  const told = access.visible ? plan.refused : undefined;
  slot.refused = told ?? (routes.length === 0 ? hidden(ref) : undefined);
}

/** What those are told of a ref who may not know whether there is such an item. */
export function hidden({ type, key }: Ref): Refused {
  const text = `there is no ${type} ${JSON.stringify(key)}, or you may not read it`;
  return refused(Reason.NOT_FOUND, text);
}

function policyOf(snapshot: Snapshot, tenant: string): PolicyIndex {
  return snapshot.tenants.get(tenant)?.policy ?? nothingAllowed;
}
