import type { Caller, Clock, Logger, Metrics, WeirError } from '@weir/kit';
import { LRUCache } from 'lru-cache';
import { observeLimits } from './limits-metrics.ts';
import { Meter } from './meter.ts';
import type { LimitPool } from './pool.ts';
import { beyond, neverFits } from './refusals.ts';
import { openSettler, SETTLE_INTERVAL_MS } from './settler.ts';
import {
  type LimitedProvider,
  type LimitName,
  type LimitsView,
  providerSubject,
  type Subject,
  subjectsOf,
  termsOf,
} from './subjects.ts';

/** How much tenants, principals, consumers and providers may take. It decides without waiting. */
export interface Limits extends AsyncDisposable {
  /**
   * Takes the items of a call, from all limits that it is under or from none of them. Returns the
   * refusal of the whole call, RATE_EXCEEDED or QUOTA_EXCEEDED; undefined: they are taken.
   */
  take(caller: Caller, view: LimitsView | undefined, items: number): WeirError | undefined;
  /** Counts the bytes of values that a call was answered with. Later calls pay what is too much. */
  spend(caller: Caller, view: LimitsView | undefined, bytes: number): void;
  /** Takes items that are about to be asked of a provider: as many as there are, and the refusal of the rest. */
  takeFrom(provider: LimitedProvider, items: number): Taken;
  /** Counts the bytes of values that a provider sent. */
  spendFrom(provider: LimitedProvider, bytes: number): void;
}

/** What was taken of what was asked for. */
export interface Taken {
  readonly items: number;
  /** Why not all of them. */
  readonly refusal?: WeirError;
}

/** What limits need. */
export interface LimitsDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
  /** What all routers lease from; undefined: each goes by the limits alone. */
  readonly pool: LimitPool | undefined;
}

/** The subjects that are remembered; one of which more are heard of loses what it had leased. */
export const LIMITED_SUBJECTS_MAX = 50_000;
const DAY_MS = 86_400_000;
const DELAY_MAX_MS = 3_600_000;

/** A limit of a subject, and its meter. */
interface Limit {
  readonly subject: Subject;
  readonly name: LimitName;
  readonly meter: Meter;
}

/** The meters of a subject, for as long as its limits and the day stay the same. */
interface Metered {
  readonly limits: Subject['limits'];
  readonly day: number;
  readonly items: readonly Limit[];
  readonly bytes: readonly Limit[];
}

/** Opens the limits. */
export function openLimits(deps: LimitsDeps): Limits {
  const { clock, pool } = deps;
  const observer = observeLimits(deps.metrics, {
    insured: () => settler.link.insured,
    subjects: () => known.size,
  });
  const settler = openSettler({ ...deps, onSettled: observer.settled });
  const giveUp = ({ items, bytes }: Metered) => {
    for (const { meter } of [...items, ...bytes]) {
      meter.close();
      settler.used(meter);
    }
  };
  const known = new LRUCache<string, Metered>({
    max: LIMITED_SUBJECTS_MAX,
    dispose: (metered, _, why) => {
      if (why === 'evict') giveUp(metered);
    },
  });
  const dayNow = () => Math.floor(clock.wallMs() / DAY_MS);
  const meteredOf = (subject: Subject): Metered => {
    const day = dayNow();
    const held = known.get(subject.id);
    if (held?.limits === subject.limits && held.day === day) return held;
    const metered = meter(subject, day, held);
    known.set(subject.id, metered);
    return metered;
  };

  /** The first limit that has no room for so many; what bytes were too many is paid for first. */
  const fullFor = (metered: readonly Metered[], items: number) => {
    const nowMs = clock.monotonicMs();
    for (const { items: byItems, bytes } of metered) {
      const full =
        byItems.find(({ meter }) => meter.room(nowMs, settler.link) < items) ??
        bytes.find(({ meter }) => meter.room(nowMs, settler.link) <= 0);
      if (full) return full;
    }
    return undefined;
  };
  const refusalOf = ({ subject, name, meter }: Limit, items: number) => {
    observer.refused(subject.kind, name);
    const { capacity, perMs } = meter.terms;
    const amount = name.startsWith('items') ? items : 1;
    if (amount > capacity) return neverFits(subject, name, capacity);
    meter.want(amount);
    settler.used(meter);
    settler.hurry();
    const dueMs = SETTLE_INTERVAL_MS + meter.delayMs(amount, clock.monotonicMs(), settler.link);
    const mostMs = perMs === 0 ? DAY_MS - (clock.wallMs() % DAY_MS) : DELAY_MAX_MS;
    return beyond(subject, name, Math.min(dueMs, mostMs));
  };
  const count = (limits: readonly Limit[], amount: number) => {
    for (const { meter } of limits) {
      meter.take(amount);
      settler.used(meter);
    }
  };

  return {
    take(caller, view, items) {
      const metered = subjectsOf(caller, view).map(meteredOf);
      const full = fullFor(metered, items);
      if (full) return refusalOf(full, items);
      for (const one of metered) count(one.items, items);
      return undefined;
    },
    spend(caller, view, bytes) {
      for (const subject of subjectsOf(caller, view)) count(meteredOf(subject).bytes, bytes);
    },
    takeFrom(provider, items) {
      const subject = providerSubject(provider);
      if (!subject) return { items };
      const metered = meteredOf(subject);
      const fit = roomFor(metered, items, (meter) => meter.room(clock.monotonicMs(), settler.link));
      count(metered.items, fit);
      const full = fit < items ? fullFor([metered], items - fit) : undefined;
      return full ? { items: fit, refusal: refusalOf(full, Math.min(items - fit, 1)) } : { items };
    },
    spendFrom(provider, bytes) {
      const subject = providerSubject(provider);
      if (subject) count(meteredOf(subject).bytes, bytes);
    },
    async [Symbol.asyncDispose]() {
      await settler[Symbol.asyncDispose]();
      await pool?.[Symbol.asyncDispose]();
    },
  };
}

/** Makes the meters of a subject. Those whose terms alone have changed go on. */
function meter(subject: Subject, day: number, before: Metered | undefined): Metered {
  const held = new Map(
    [...(before?.items ?? []), ...(before?.bytes ?? [])].map(({ meter }) => [meter.key, meter]),
  );
  const limits = [...termsOf(subject.limits)].map(([name, terms]): Limit => {
    const key = `${subject.id}/${name}${terms.perMs === 0 ? `/${day}` : ''}`;
    const going = held.get(key);
    going?.change(terms);
    return { subject, name, meter: going ?? new Meter(key, terms) };
  });
  return {
    limits: subject.limits,
    day,
    items: limits.filter(({ name }) => name.startsWith('items')),
    bytes: limits.filter(({ name }) => name.startsWith('bytes')),
  };
}

/** How many of the items there is room for. */
function roomFor(
  { items, bytes }: Metered,
  wanted: number,
  room: (meter: Meter) => number,
): number {
  if (bytes.some(({ meter }) => room(meter) <= 0)) return 0;
  const rooms = items.map(({ meter }) => Math.floor(room(meter)));
  return Math.max(0, Math.min(wanted, ...rooms));
}
