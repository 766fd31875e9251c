import { setTimeout as sleep } from 'node:timers/promises';
import { Reason, type Weir, WeirCallError } from '@weir/sdk';
import { type Clients, openClients } from '../parts/clients.ts';
import { openTopology, type Server, until } from '../parts/topology.ts';
import { listen } from './listening.ts';
import type { Measured, Promised } from './promise.ts';
import { othersBeside } from './slow-neighbours.ts';

const TOGETHER = 8;
const PUBLISHED_MAX = 20_000;
const EVENTS_MAX = 256;
const BYTES_MAX_MIB = 1;
const MIB = 1024 * 1024;
/** What comes while the cut is looked for, and the message that was not read. */
const SLACK_EVENTS = 3 * TOGETHER;
const REST_MAX_MS = 60_000;

/** Who reads nothing is cut off, and goes on from its cursor; the others notice nothing. */
export const p15: Promised = {
  id: 'P15',
  says: 'a subscriber that reads nothing is cut at 1 MiB or 256 events, with a cursor; the others notice nothing',
  async measure(signal) {
    await using topology = await openTopology({ registries: 1, routers: 1 });
    const [router] = topology.routers as [Server];
    await using clients = openClients(topology.adminKey);
    const subject = { router, clients, signal };
    const small = await untilCut(subject, { topic: 'small', bytes: 100 });
    const large = await untilCut(subject, { topic: 'large', bytes: 16 * 1024 });
    const cuts = [small, large];
    const count = (value: number) => ({ value, unit: 'count' as const });
    const figures: Measured[] = [
      {
        figure: 'small events behind when it was cut',
        ...count(small.behind),
        limit: EVENTS_MAX + SLACK_EVENTS,
      },
      {
        figure: 'large events behind when it was cut',
        value: (large.behind * large.bytes) / MIB,
        unit: 'MiB',
        limit: BYTES_MAX_MIB + (SLACK_EVENTS * large.bytes) / MIB,
      },
      {
        figure: 'told SUBSCRIBER_SLOW when they read on at once, of 2',
        ...count(cuts.filter(({ isTold }) => isTold).length),
        limit: cuts.length,
        atLeast: true,
      },
      {
        figure: 'events lost to who went on from the cursor',
        ...count(cuts.reduce((sum, { lost }) => sum + lost, 0)),
        limit: 0,
      },
    ];
    return [...figures, ...(await othersBeside(topology, clients, signal))];
  },
};

interface Subject {
  readonly router: Server;
  readonly clients: Clients;
  readonly signal: AbortSignal;
}

interface Cut {
  readonly bytes: number;
  /** The events that were published and had not come when it was cut. */
  readonly behind: number;
  /** Whether it was told why. */
  readonly isTold: boolean;
  /** The events that came neither before nor after. */
  readonly lost: number;
}

/** Subscribes, reads nothing until it is cut off, then what is left, and goes on from the cursor. */
async function untilCut(
  { router, clients, signal }: Subject,
  { topic, bytes }: { readonly topic: string; readonly bytes: number },
): Promise<Cut> {
  const publisher = clients.open(router.url);
  const weir = clients.open(router.url);
  const call = { timeoutMs: 0, signal };
  const messages = weir.events.subscribe({ topics: [topic] }, call)[Symbol.asyncIterator]();
  let cursor = (await messages.next()).value?.cursor ?? '';
  const before = await cutsOf(router);
  let published = 0;
  while ((await cutsOf(router)) === before && published < PUBLISHED_MAX) {
    published += await publishSome(publisher, { topic, bytes });
  }
  let came = 0;
  let error: unknown;
  try {
    for (;;) {
      const { value, done } = await messages.next();
      if (done) break;
      came += value.events.length;
      cursor = value.cursor;
    }
  } catch (caught) {
    error = caught;
  }
  const stop = new AbortController();
  const rest = listen(weir, { topic, cursor, signal: AbortSignal.any([stop.signal, signal]) });
  const isComplete = () => came + rest.heard.length >= published;
  await until(isComplete, 'the rest came', REST_MAX_MS).catch(() => {});
  stop.abort();
  const isTold = error instanceof WeirCallError && error.reason === Reason.SUBSCRIBER_SLOW;
  return { bytes, behind: published - came, isTold, lost: published - came - rest.heard.length };
}

async function publishSome(
  weir: Weir,
  { topic, bytes }: { readonly topic: string; readonly bytes: number },
): Promise<number> {
  const data = new Uint8Array(bytes);
  await weir.publish(Array.from({ length: TOGETHER }, () => ({ topic, data })));
  await sleep(1);
  return TOGETHER;
}

/** How many subscribers a router says that it cut off. */
async function cutsOf({ opsUrl }: Server): Promise<number> {
  const text = await (await fetch(`${opsUrl}/metrics`)).text();
  const [, cuts] = /^weir_subscribers_cut\w*(?:\{[^}]*\})? (\d+)/m.exec(text) ?? [];
  if (cuts === undefined) throw new Error('the router does not say how many it cut off');
  return Number(cuts);
}
