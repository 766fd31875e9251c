import type { Caller } from '@weir/kit';
import type { Limits } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Terms } from './meter.ts';

/** Who may have a limit. */
export type SubjectKind = 'tenant' | 'principal' | 'consumer' | 'provider';

/** The limits that there are. */
export type LimitName = 'items_per_second' | 'bytes_per_second' | 'items_per_day' | 'bytes_per_day';

/** Somebody with limits. */
export interface Subject {
  readonly kind: SubjectKind;
  /** Unique, and the tenant first: it names the pool. */
  readonly id: string;
  readonly limits: Limits;
}

/** Something registered that may have limits. */
interface Limited {
  readonly limits?: Limits | undefined;
}

/** What is known of the limits of a tenant and of what is its. */
export interface LimitsView {
  readonly tenant: Limited | undefined;
  readonly principals: ReadonlyMap<string, Limited>;
  /** Consumers have theirs in their manifests. */
  readonly consumers: ReadonlyMap<string, { readonly manifest?: Limited | undefined }>;
}

/** A provider version, whose calls may have a rate. */
export interface LimitedProvider {
  readonly tenant: string;
  readonly name: string;
  readonly version: string;
  /** As its manifest says. */
  readonly rates: Limits | undefined;
}

/** Batches of so many refs may always come at once. */
const BURST_MIN_ITEMS = 256;
/** How far a router may go beyond its lease at least, when the limit is as large. */
const AHEAD_MIN_ITEMS = 256;
const AHEAD_MIN_BYTES = 4 * 1024 * 1024;
/** It may go further where the limit is larger: what comes in so long, or so much of a day. */
const AHEAD_MS = 50;
const AHEAD_DAY_SHARE = 0.001;

/** The subjects whose limits a call is under: its tenant, principal and consumer. */
export function subjectsOf(caller: Caller, view: LimitsView | undefined): readonly Subject[] {
  if (!view) return none;
  const { tenant, principal, consumer } = caller;
  // Most have none.
  const isBound = view.tenant?.limits ?? view.principals.get(principal)?.limits;
  if (!isBound && consumer === '') return none;
  const subjects: Subject[] = [];
  const add = (kind: SubjectKind, name: string, limits: Limits | undefined) => {
    if (limits) subjects.push({ kind, id: `${tenant}/${kind}/${name}`, limits });
  };
  add('tenant', '', view.tenant?.limits);
  add('principal', principal, view.principals.get(principal)?.limits);
  if (consumer !== '') {
    add('consumer', consumer, view.consumers.get(consumer)?.manifest?.limits);
  }
  return subjects;
}

/** A provider version as a subject; undefined: it has no rates. */
export function providerSubject(provider: LimitedProvider): Subject | undefined {
  const { tenant, name, version, rates } = provider;
  if (!rates) return undefined;
  return { kind: 'provider', id: `${tenant}/provider/${name}/${version}`, limits: rates };
}

const none: readonly Subject[] = [];

/** The terms of each limit that is set. */
export function termsOf(limits: Limits): ReadonlyMap<LimitName, Terms> {
  const terms = new Map<LimitName, Terms>();
  const { itemsPerSecond, bytesPerSecond, itemsPerDay, bytesPerDay } = limits;
  if (itemsPerSecond !== undefined) {
    const rate = Number(itemsPerSecond);
    const burst = Number(limits.itemsBurst ?? Math.max(rate, BURST_MIN_ITEMS));
    terms.set('items_per_second', termsFor(rate, burst, AHEAD_MIN_ITEMS));
  }
  if (bytesPerSecond !== undefined) {
    const rate = Number(bytesPerSecond);
    terms.set('bytes_per_second', termsFor(rate, rate, AHEAD_MIN_BYTES));
  }
  if (itemsPerDay !== undefined) {
    terms.set('items_per_day', termsFor(0, Number(itemsPerDay), AHEAD_MIN_ITEMS));
  }
  if (bytesPerDay !== undefined) {
    terms.set('bytes_per_day', termsFor(0, Number(bytesPerDay), AHEAD_MIN_BYTES));
  }
  return terms;
}

function termsFor(perSecond: number, capacity: number, aheadMin: number): Terms {
  const share = perSecond > 0 ? (perSecond / 1_000) * AHEAD_MS : capacity * AHEAD_DAY_SHARE;
  const aheadMax = Math.min(capacity, Math.max(aheadMin, share));
  return { perMs: perSecond / 1_000, capacity, aheadMax };
}
