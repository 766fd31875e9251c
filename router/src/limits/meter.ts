/** What a meter lets through. */
export interface Terms {
  /** What comes back in a millisecond; 0: nothing before the next day. */
  readonly perMs: number;
  /** The most that may be taken at once, or in a day. */
  readonly capacity: number;
  /** How far a router may go beyond what it has leased, when the pool had as much. */
  readonly aheadMax: number;
}

/** How the router stands with the pool that all routers lease from. */
export interface Link {
  /** It cannot be reached: each router goes by its share. */
  readonly insured: boolean;
  /** How many routers share it, as far as is known; at least 1. */
  readonly routers: number;
}

/** What a meter asks of the pool. */
export interface Settlement {
  /** Used and not leased; it is taken from the pool whatever is in it. */
  readonly debt: number;
  /** Wanted on top; below zero: given back. */
  readonly want: number;
}

/** What the pool answers. */
export interface Settled {
  /** As much of what was wanted. */
  readonly granted: number;
  /** What is left in the pool; below zero: more was used than there was. */
  readonly left: number;
  /** Tells one pool from another of the same name that came after it was lost. */
  readonly born: string;
}

/** Settlements without any use, after which what was leased is given back. */
const IDLE_SETTLEMENTS = 10;
/** How much of the use between two settlements is leased for the time until the next. */
const AHEAD_OF_USE = 2;

/**
 * One limit of one subject, as one router holds it: a slice that it has leased from the pool of all
 * routers. It decides without waiting. What it uses is settled with the pool in the background.
 *
 * - In touch with the pool, a router may go into debt by `aheadMax`, when the pool had as much when
 *   it was last heard of: so the first call is not refused for want of a lease.
 * - Out of touch, it goes by its share of the rate, or of what was left of the day.
 */
export class Meter {
  readonly key: string;
  #terms: Terms;
  /** Leased and not used; below zero: used and not settled. */
  #have = 0;
  /** What the pool held, and when. */
  #left: number | undefined;
  #leftMs = 0;
  #born = '';
  /** Taken from the pool of that birth. */
  #settled = 0;
  /** Taken from an earlier pool of the day, of which the new one does not know. */
  #again = 0;
  #usedSince = 0;
  #wanted = 0;
  #idle = 0;
  #closed = false;
  /** Until when the router's own share has been added; undefined: it is in touch. */
  #sharedMs: number | undefined;

  constructor(key: string, terms: Terms) {
    this.key = key;
    this.#terms = terms;
  }

  get terms(): Terms {
    return this.#terms;
  }

  /** Goes by other terms from now on. */
  change(terms: Terms): void {
    this.#terms = terms;
    this.#have = Math.min(this.#have, terms.capacity);
  }

  /** How much may be taken at `nowMs`, which is monotonic. Below zero: a debt is to be paid first. */
  room(nowMs: number, link: Link): number {
    if (!link.insured) {
      this.#dropShare();
      return this.#have + Math.min(this.#terms.aheadMax, this.#leftAt(nowMs));
    }
    if (this.#terms.perMs > 0) this.#addShare(nowMs, link);
    const left = this.#terms.perMs > 0 ? 0 : this.#leftAt(nowMs) / link.routers;
    return this.#have + left;
  }

  /** Takes; there has to be room, or what is taken has been had already. */
  take(amount: number): void {
    this.#have -= amount;
    this.#usedSince += amount;
    this.#idle = 0;
  }

  /** Takes note of what was asked for and not there. */
  want(amount: number): void {
    this.#wanted = Math.max(this.#wanted, amount);
    this.#idle = 0;
  }

  /** In how many milliseconds there will be room for so much; of a day without end. */
  delayMs(amount: number, nowMs: number, link: Link): number {
    const { perMs } = this.#terms;
    const short = link.insured
      ? (amount - this.room(nowMs, link)) * link.routers
      : amount - this.#have - this.#leftAt(nowMs);
    return short > 0 ? short / perMs : 0;
  }

  /** Gives back what is leased with the next settlement. */
  close(): void {
    this.#closed = true;
  }

  /** What is to be settled; undefined: nothing, until it is used again. */
  settlement(): Settlement | undefined {
    const have = Math.max(0, this.#have);
    const debt = Math.max(0, -this.#have) + this.#again;
    const done = this.#closed || ++this.#idle > IDLE_SETTLEMENTS;
    if (done) return debt > 0 || have > 0 ? { debt, want: -have } : undefined;
    const { capacity, aheadMax } = this.#terms;
    const target = Math.max(this.#usedSince * AHEAD_OF_USE, this.#wanted, aheadMax);
    return { debt, want: Math.max(0, Math.min(target, capacity) - have) };
  }

  /** Takes what the pool answered to a settlement. What was used meanwhile is kept. */
  settle({ debt }: Settlement, { granted, left, born }: Settled, nowMs: number): void {
    this.#usedSince = 0;
    this.#wanted = 0;
    this.#dropShare();
    this.#have += debt - this.#again + granted;
    this.#again = 0;
    if (this.#born !== '' && this.#born !== born && this.#terms.perMs === 0) {
      this.#again = this.#settled;
      this.#settled = 0;
    }
    this.#settled += debt + granted;
    this.#born = born;
    this.#left = left - this.#again;
    this.#leftMs = nowMs;
  }

  /** What the pool holds, as far as is known; a pool not heard of is full. */
  #leftAt(nowMs: number): number {
    const { capacity, perMs } = this.#terms;
    if (this.#left === undefined) return capacity;
    return Math.max(0, Math.min(capacity, this.#left + perMs * (nowMs - this.#leftMs)));
  }

  /** What was added without the pool is not leased from it. */
  #dropShare(): void {
    if (this.#sharedMs === undefined) return;
    this.#sharedMs = undefined;
    this.#have = Math.min(0, this.#have);
  }

  /** The router's share of the rate; as much at once as a share has, but one batch at least. */
  #addShare(nowMs: number, { routers }: Link): void {
    const { capacity, perMs, aheadMax } = this.#terms;
    const most = Math.max(capacity / routers, Math.min(capacity, aheadMax));
    const first = this.#left === undefined ? most : 0;
    const share =
      this.#sharedMs === undefined ? first : (perMs / routers) * (nowMs - this.#sharedMs);
    this.#sharedMs = nowMs;
    if (this.#have < most) this.#have = Math.min(most, this.#have + share);
  }
}
