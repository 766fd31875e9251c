import { setTimeout as sleep } from 'node:timers/promises';
import { Code, Reason, type Weir, WeirCallError } from '@weir/sdk';
import { openClients } from '../parts/clients.ts';
import { openTopology, until } from '../parts/topology.ts';
import { type Listener, listen } from './listening.ts';
import type { Measured, Promised } from './promise.ts';

const KEPT_MS = 5_000;
const EVENTS = 3_000;
const TOGETHER = 50;
const FORGOTTEN_MAX_MS = 60_000;
const EVENTS_MAX_MS = 120_000;
/** So much that what is under way to who reads nothing is a small part of all. */
const EVENT_BYTES = 4 * 1024;
const TOPIC = 'kept';

/** Events are kept for 5 s, for the measuring; whoever comes later is told so, and gets no gap. */
export const p06: Promised = {
  id: 'P6',
  says: 'events at least once, positions monotonic; an older position is OUT_OF_RANGE, never a silent gap',
  async measure(signal) {
    const env = { WEIR_EVENTS_KEPT: `${KEPT_MS}ms` };
    await using topology = await openTopology({ registries: 1, routers: 2, env });
    await using clients = openClients(topology.adminKey);
    const stop = new AbortController();
    const both = AbortSignal.any([stop.signal, signal]);
    const ways = topology.routers.map(({ url }) => clients.open(url));
    const [first] = ways as [Weir];
    const own = { topic: TOPIC, from: 'earliest', signal: both } as const;
    const quick = ways.map((weir) => listen(weir, own));
    await until(() => quick.every(({ cursor }) => cursor !== ''), 'all have begun');
    const early = quick.map(({ cursor }) => cursor);
    const { promise: hold, resolve: readOn } = Promise.withResolvers<void>();
    const slow = ways.map((weir) => listen(weir, { ...own, hold }));
    for (let at = 0; at < EVENTS; at += TOGETHER) await publishSome(first);
    await until(
      () => quick.every(({ heard }) => heard.length >= EVENTS),
      'all events came',
      EVENTS_MAX_MS,
    );
    // Kept for so long, and forgotten as often.
    await sleep(3 * KEPT_MS, undefined, { signal });
    readOn();
    const told = await Promise.all(slow.map(({ ended }) => Promise.race([ended, late()])));
    const resumed = await Promise.all(ways.map((weir, at) => resume(weir, early[at] ?? '', both)));
    const anew = ways.map((weir) => listen(weir, own));
    await until(() => anew.every(({ cursor }) => cursor !== ''), 'all have begun anew');
    await publishSome(first);
    await until(() => anew.every(({ heard }) => heard.length >= TOGETHER), 'the newest came');
    stop.abort();
    const all = [...quick, ...slow, ...anew];
    return figures({ quick, all, told, resumed });
  },
};

interface Seen {
  readonly quick: readonly Listener[];
  readonly all: readonly Listener[];
  readonly told: readonly unknown[];
  readonly resumed: readonly unknown[];
}

function figures({ quick, all, told, resumed }: Seen): Measured[] {
  const count = (value: number) => ({ value, unit: 'count' as const });
  const least = Math.min(...quick.map(({ heard }) => new Set(heard.map(({ id }) => id)).size));
  return [
    { figure: 'events published', ...count(EVENTS) },
    {
      figure: 'came to the subscriber with the fewest',
      ...count(least),
      limit: EVENTS,
      atLeast: true,
    },
    { figure: 'gaps or steps back in their positions', ...count(stepsOf(all)), limit: 0 },
    {
      figure: 'readers that stood still, and were then told OUT_OF_RANGE, of 2',
      ...count(told.filter(isTooOld).length),
      limit: told.length,
      atLeast: true,
    },
    {
      figure: 'old cursors refused with OUT_OF_RANGE, of 2',
      ...count(resumed.filter(isTooOld).length),
      limit: resumed.length,
      atLeast: true,
    },
  ];
}

/** All events of the tenant are of the topic: each position is the one before and one. */
function stepsOf(listeners: readonly Listener[]): number {
  return listeners
    .map(({ heard }) => heard.filter(({ position }, at) => isStep(position, heard[at - 1])).length)
    .reduce((sum, steps) => sum + steps, 0);
}

function isStep(position: bigint, before: { readonly position: bigint } | undefined): boolean {
  return before !== undefined && position !== before.position + 1n;
}

function isTooOld(error: unknown): boolean {
  if (!(error instanceof WeirCallError)) return false;
  return error.code === Code.OutOfRange && error.reason === Reason.CURSOR_TOO_OLD;
}

const late = () => sleep(FORGOTTEN_MAX_MS, undefined, { ref: false });

let published = 0;

async function publishSome(weir: Weir): Promise<void> {
  const events = Array.from({ length: TOGETHER }, () => {
    published += 1;
    const data = new Uint8Array(EVENT_BYTES);
    return { topic: TOPIC, key: `k${published % 10}`, id: `${published}`, data };
  });
  await weir.publish(events);
}

/** Goes on from a cursor until that is refused; with what. */
async function resume(weir: Weir, cursor: string, signal: AbortSignal): Promise<unknown> {
  const left = new AbortController();
  const either = AbortSignal.any([left.signal, signal]);
  const { ended } = listen(weir, { topic: TOPIC, cursor, signal: either });
  const error = await Promise.race([ended, late()]);
  left.abort();
  return error;
}
