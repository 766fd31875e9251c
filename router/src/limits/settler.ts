import type { Clock, Logger } from '@weir/kit';
import type { Link, Meter, Settlement } from './meter.ts';
import type { LimitPool } from './pool.ts';

/** Settles meters with the pool in the background, and knows whether it can be reached. */
export interface Settler extends AsyncDisposable {
  readonly link: Link;
  /** A meter was used: it is settled with the next turn, and from then on until it is idle. */
  used(meter: Meter): void;
  /** Somebody waits for a lease: the next turn comes soon. */
  hurry(): void;
}

/** What settling needs. */
export interface SettlerDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** Undefined: each router goes by its own limits. */
  readonly pool: LimitPool | undefined;
  /** Is told of each attempt. */
  readonly onSettled?: (ok: boolean) => void;
}

/** How often meters that are used are settled. */
export const SETTLE_INTERVAL_MS = 100;
const HURRY_MS = 20;
/** How often the pool hears of a router of which nothing is used. */
const HEARTBEAT_MS = 5_000;
/** How long the pool is left alone after it failed. */
const REST_MS = 500;
/** Meters settled in one command. */
const SETTLED_AT_ONCE = 200;
/** How long the last settlement may take when the router stops. */
const FAREWELL_MS = 250;

/** Opens the settling of meters. */
export function openSettler({ clock, log, pool, onSettled }: SettlerDeps): Settler {
  const active = new Set<Meter>();
  const link = { insured: pool === undefined, routers: 1 };
  let timer: NodeJS.Timeout | undefined;
  let dueMs = Number.POSITIVE_INFINITY;
  let running: Promise<void> | undefined;
  let closed = false;
  let hurried = false;

  const settleSome = async (meters: readonly [Meter, Settlement][], by: LimitPool) => {
    const asked = meters.map(([{ key, terms }, settlement]) => ({ key, terms, ...settlement }));
    const { routers, settled } = await by.settle(asked);
    link.routers = routers;
    const nowMs = clock.monotonicMs();
    settled.forEach((answer, i) => {
      const [meter, settlement] = meters[i] ?? [];
      if (meter && settlement) meter.settle(settlement, answer, nowMs);
    });
  };
  const settleAll = async (by: LimitPool) => {
    const due = [...active].flatMap((meter): [Meter, Settlement][] => {
      const settlement = meter.settlement();
      if (settlement) return [[meter, settlement]];
      active.delete(meter);
      return [];
    });
    do await settleSome(due.splice(0, SETTLED_AT_ONCE), by);
    while (due.length > 0);
  };
  const tell = (ok: boolean, error?: unknown) => {
    onSettled?.(ok);
    if (link.insured === !ok) return;
    link.insured = !ok;
    if (ok) log.info('limits are shared with the other routers again');
    else {
      const err = error instanceof Error ? error.message : String(error);
      log.warn({ err, routers: link.routers }, 'limits cannot be shared; going by a share of them');
    }
  };
  const turn = async (by: LimitPool) => {
    let restMs = active.size > 0 ? SETTLE_INTERVAL_MS : HEARTBEAT_MS;
    try {
      await settleAll(by);
      tell(true);
    } catch (error) {
      restMs = REST_MS;
      tell(false, error);
    }
    running = undefined;
    if (!closed) plan(hurried ? Math.min(restMs, HURRY_MS) : restMs);
    hurried = false;
  };
  const plan = (inMs: number) => {
    if (!pool || running) return;
    const atMs = clock.monotonicMs() + inMs;
    if (atMs >= dueMs) return;
    clearTimeout(timer);
    dueMs = atMs;
    timer = setTimeout(() => {
      dueMs = Number.POSITIVE_INFINITY;
      running = turn(pool);
    }, inMs).unref();
  };
  plan(0);

  return {
    link,
    used(meter) {
      if (!pool || active.has(meter)) return;
      active.add(meter);
      if (!link.insured) plan(HURRY_MS);
    },
    hurry() {
      if (link.insured) return;
      hurried = running !== undefined;
      plan(HURRY_MS);
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      clearTimeout(timer);
      await running;
      if (!pool || link.insured) return;
      for (const meter of active) meter.close();
      const late = new Promise((resolve) => setTimeout(resolve, FAREWELL_MS).unref());
      await Promise.race([settleAll(pool).catch(() => {}), late]);
    },
  };
}
