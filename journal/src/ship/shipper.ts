import type { Logger } from '@weir/kit';
import type { AnchorHeadRequest } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import {
  type ChainShipper,
  contradiction,
  createChainShipper,
  type ShippedChain,
} from './chain-shipper.ts';
import type { IntakeCall, JournalIntake } from './intake.ts';
import { FIRST_BACKOFF_MS, MAX_BACKOFF_MS, pause, persist, whyOf } from './persist.ts';

/** What a shipper needs. */
export interface ShipperOptions {
  readonly intake: JournalIntake;
  /** Of earlier starts, oldest first. */
  readonly old: readonly ShippedChain[];
  readonly current: ShippedChain;
  readonly log: Logger;
  /** How often the registry is asked what it holds, though nothing is new. Default: 60 s. */
  readonly recheckMs?: number;
}

/** Brings records to the registry in the background, at least once. */
export interface Shipper {
  /** Anchors this head, or a newer one that comes before it can be told. */
  anchor(head: AnchorHeadRequest): void;
  /** The chain has ended: ships what is left, and ends. */
  finish(): void;
  /** Resolves when all is shipped and anchored, after `finish`. */
  readonly finished: Promise<void>;
  /** Stops at once. */
  stop(): Promise<void>;
}

/** How often it looks for what is new. */
const SHIP_EVERY_MS = 250;
/** A registry that was restored while nothing came is noticed within this time. */
const RECHECK_EVERY_MS = 60_000;
const CALL_TIMEOUT_MS = 10_000;

/** Starts to ship. */
export function startShipper(options: ShipperOptions): Shipper {
  const { log, recheckMs = RECHECK_EVERY_MS } = options;
  const stop = new AbortController();
  const finishing = new AbortController();
  const known = Promise.withResolvers<void>();
  const shippers: ChainShipper[] = [];
  const shared: Shared = {
    ...options,
    ...{ stop: stop.signal, finishing: finishing.signal },
    call: () => ({ signal: stop.signal, timeoutMs: CALL_TIMEOUT_MS }),
    onLost: () => doubtAll(),
  };
  const current = createChainShipper(options.current, { ...shared, onKnown: known.resolve });
  const old = shipOldChains(shared, (one) => shippers.push(one));
  const anchoring = anchorHeads(shared, known.promise);
  shippers.push(current);
  const doubtAll = () => {
    for (const one of shippers) one.doubt();
    old.wake();
  };
  const recheck = setInterval(doubtAll, recheckMs).unref();
  const shipping = shipCurrent(shared, current).then((how) => {
    if (how === 'aside') anchoring.end();
    known.resolve();
  });
  const finished = Promise.all([shipping, anchoring.done, old.done]).then(() => {});
  finished.catch((error: unknown) => {
    if (!stop.signal.aborted) log.error({ err: error }, 'the journal is no longer shipped');
  });
  return {
    finished,
    anchor: anchoring.anchor,
    finish() {
      finishing.abort();
      anchoring.wake();
      old.wake();
    },
    async stop() {
      stop.abort();
      clearInterval(recheck);
      known.resolve();
      anchoring.wake();
      old.wake();
      await finished.catch(() => {});
    },
  };
}

/** What all chains are shipped with. */
interface Shared extends ShipperOptions {
  /** Ends everything at once. */
  readonly stop: AbortSignal;
  /** What is there is the last. */
  readonly finishing: AbortSignal;
  readonly call: () => IntakeCall;
  readonly onLost: () => void;
}

/** Ships the chain that is being written until it ends, or is set aside. */
async function shipCurrent(
  { current: { chain }, log, stop, finishing }: Shared,
  current: ChainShipper,
): Promise<'shipped' | 'aside'> {
  const resting = AbortSignal.any([stop, finishing]);
  const work = { what: 'ship records', chain: chain.id, log, signal: stop };
  for (;;) {
    const isLast = finishing.aborted;
    const how = await persist(current.ship, work);
    if (how === 'aside' || isLast || stop.aborted) return how;
    await pause(SHIP_EVERY_MS, resting);
  }
}

/** Tells the registry the newest head, again and again. */
function anchorHeads(shared: Shared, known: Promise<void>) {
  const { intake, log, stop, finishing, call } = shared;
  const chain = shared.current.chain.id;
  const ending = new AbortController();
  const signal = AbortSignal.any([stop, ending.signal]);
  const bell = createBell();
  let newest: AnchorHeadRequest | undefined;

  const anchorNewest = async (): Promise<AnchorHeadRequest | undefined> => {
    const head = newest;
    try {
      if (head) await intake.anchorHead(head, call());
    } catch (error) {
      const why = contradiction(error);
      if (why === undefined) throw error;
      log.error({ chain, why }, 'the registry refuses the head of the journal');
    }
    return head;
  };
  const run = async () => {
    await known;
    while (!signal.aborted) {
      const isLast = finishing.aborted;
      while (newest !== undefined) {
        const told = await persist(anchorNewest, { what: 'anchor the head', chain, log, signal });
        if (newest === told) newest = undefined;
      }
      if (isLast) return;
      await bell.rung();
    }
  };
  return {
    done: run().catch((error: unknown) => {
      if (!ending.signal.aborted) throw error;
    }),
    anchor(head: AnchorHeadRequest) {
      newest = head;
      bell.ring();
    },
    wake: bell.ring,
    /** There is nothing to anchor any more. */
    end() {
      ending.abort();
      bell.ring();
    },
  };
}

/** Ships the chains of earlier starts, and again what the registry loses while they are there. */
function shipOldChains(shared: Shared, made: (one: ChainShipper) => void) {
  const { log, stop, finishing } = shared;
  const bell = createBell();
  const chains = shared.old.map((shipped) => {
    const shipper = createChainShipper(shipped, shared);
    made(shipper);
    return { shipped, shipper };
  });
  type Old = (typeof chains)[number];

  /** False: it is to be tried again. */
  const shipWhole = async ({ shipped, shipper }: Old): Promise<boolean> => {
    try {
      const how = await shipper.ship();
      if (how === 'shipped') shipped.confirmed(Number.POSITIVE_INFINITY);
      return true;
    } catch (error) {
      const why = whyOf(error);
      log.warn({ chain: shipped.chain.id, why }, 'an old chain cannot be shipped yet');
      return false;
    }
  };
  const run = async () => {
    let backoffMs = FIRST_BACKOFF_MS;
    while (!stop.aborted) {
      const isLast = finishing.aborted;
      const left = chains.filter(({ shipped }) => shipped.segments().length > 0);
      let failed = 0;
      for (const one of left) if (!stop.aborted && !(await shipWhole(one))) failed += 1;
      if (failed === 0 && (isLast || left.length === 0)) return;
      if (failed === 0) await bell.rung();
      else await pause(backoffMs, stop);
      backoffMs = failed === 0 ? FIRST_BACKOFF_MS : Math.min(backoffMs * 2, MAX_BACKOFF_MS);
    }
  };
  return { done: run(), wake: bell.ring };
}

/** Wakes the one who waits; when nobody does, whoever waits next. */
function createBell() {
  let next = Promise.withResolvers<void>();
  return {
    ring: () => next.resolve(),
    async rung(): Promise<void> {
      await next.promise;
      next = Promise.withResolvers();
    },
  };
}
