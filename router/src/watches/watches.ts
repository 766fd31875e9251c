import { setTimeout as sleep } from 'node:timers/promises';
import type { Metrics } from '@weir/kit';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import { type Duties, type Held, LEASE_MS } from './duties.ts';
import { Duty } from './duty.ts';
import { type WatchDeps, watchProvider } from './watch-loop.ts';
import { countWatches } from './watch-metrics.ts';
import { watchedIn } from './watched.ts';

/** The most providers that tell what happens and are watched; of more, those whose names come first. */
export const WATCHES_MAX = 1_000;
/** How often duties are kept, and those of others asked for. */
const KEEP_MS = 3_000;
const RETRY_MS = 1_000;
/** After another's lease, so that it is over for the registry too. */
const FREE_SLACK_MS = 50;

/** What watching all providers needs. */
export interface WatchesOptions extends Omit<WatchDeps, 'counts' | 'duties'> {
  readonly duties: Duties;
  readonly metrics: Pick<Metrics, 'meter'>;
  /** By a snapshot that is older nothing is decided. */
  readonly snapshotMaxAgeMs: number;
}

/** A provider that this router watches. */
interface Running {
  readonly duty: Duty;
  readonly ended: Promise<void>;
}

/** Watches all providers that tell what happens, as far as the duty is this router's. */
export function openWatches(options: WatchesOptions): AsyncDisposable {
  const { holder, duties, log, clock } = options;
  const running = new Map<string, Running>();
  const counts = countWatches(options.metrics, () => countHeld(running.values()));
  const deps: WatchDeps = { ...options, counts };
  const wantedNow = boundedWish(options);
  const stop = new AbortController();
  let asked: ReadonlySet<string> = new Set();
  let isTold = false;
  let wake = () => {};

  const end = async (key: string) => {
    const known = running.get(key);
    known?.duty.end();
    await known?.ended;
    running.delete(key);
  };
  const settle = async (key: string, provider: ProviderVersion, held: Held, untilMs: number) => {
    const known = running.get(key);
    if (held.held && known && !known.duty.signal.aborted) {
      known.duty.keep(untilMs);
      return;
    }
    await end(key);
    if (!held.held || stop.signal.aborted) return;
    const duty = new Duty(provider, untilMs, clock);
    running.set(key, { duty, ended: watchProvider(deps, duty, held.place) });
  };
  /** Says in how long to ask again. */
  const turn = async (): Promise<number> => {
    const wanted = wantedNow();
    for (const key of [...running.keys()]) if (!wanted.has(key)) await end(key);
    if (wanted.size === 0 && asked.size === 0) return Number.POSITIVE_INFINITY;
    const untilMs = clock.monotonicMs() + LEASE_MS;
    const names = [...wanted.values()].map(({ tenant, name }) => ({ tenant, provider: name }));
    const answers = await duties.hold(names, stop.signal);
    asked = new Set(wanted.keys());
    isTold = false;
    const settled = [...wanted].map(async ([key, provider], at) => {
      const held = answers[at];
      if (held) await settle(key, provider, held, untilMs);
    });
    await Promise.all(settled);
    const frees = answers.flatMap((one) => (one.held ? [] : [one.freeAfterMs + FREE_SLACK_MS]));
    return Math.min(KEEP_MS, ...frees);
  };
  const failed = (error: unknown): number => {
    if (stop.signal.aborted) return 0;
    counts.failed('duty');
    log[isTold ? 'debug' : 'warn']({ err: error }, 'the duty to watch providers cannot be kept');
    isTold = true;
    for (const { duty } of running.values()) if (duty.leftMs() <= 0) duty.end();
    return RETRY_MS;
  };
  const keep = async () => {
    while (!stop.signal.aborted) {
      const { promise: woken, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      const waitMs = await turn().catch(failed);
      if (!stop.signal.aborted) await untilDue(waitMs, woken);
    }
  };

  const listening = holder.onChange(() => {
    const wanted = wantedNow();
    for (const [key, provider] of wanted) running.get(key)?.duty.show(provider);
    if (asked.size !== wanted.size || [...wanted.keys()].some((key) => !asked.has(key))) wake();
  });
  const keeping = keep();
  let closing: Promise<void> | undefined;
  const close = async () => {
    listening[Symbol.dispose]();
    stop.abort();
    wake();
    await keeping;
    await Promise.all([...running.keys()].map(end));
    // Other routers need not wait until the leases are over.
    if (asked.size > 0) await duties.hold([], AbortSignal.timeout(RETRY_MS)).catch(() => {});
  };
  return {
    [Symbol.asyncDispose]() {
      closing ??= close();
      return closing;
    },
  };
}

/** Which providers to watch now, by their names. */
function boundedWish({ holder, log, snapshotMaxAgeMs }: WatchesOptions) {
  let isTold = false;
  return (): ReadonlyMap<string, ProviderVersion> => {
    if (holder.ageMs() > snapshotMaxAgeMs) return new Map();
    const all = watchedIn(holder.current);
    if (all.size <= WATCHES_MAX) return all;
    const line = { watched: WATCHES_MAX, tell: all.size };
    if (!isTold) log.warn(line, 'more providers tell what happens than are watched');
    isTold = true;
    return new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, WATCHES_MAX));
  };
}

async function untilDue(waitMs: number, woken: Promise<void>): Promise<void> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const due = Number.isFinite(waitMs) ? [sleep(waitMs, undefined, { signal }).catch(() => {})] : [];
  await Promise.race([woken, ...due]);
  waiting.abort();
}

function countHeld(running: Iterable<Running>): number {
  return [...running].filter(({ duty }) => duty.leftMs() > 0 && !duty.signal.aborted).length;
}
