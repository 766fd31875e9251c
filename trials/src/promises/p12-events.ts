import { createWeir } from '@weir/sdk';
import { publishAll } from '../chaos/events/publish.ts';
import { createRandom } from '../chaos/random.ts';
import { openTopology } from '../parts/topology.ts';
import { listen } from './listening.ts';
import type { Promised } from './promise.ts';

const EVENTS = 10_000;
const KILL_EVERY = 1_000;
const PUBLISHERS = 32;
const TOPIC = 'kept';
/** How long nothing may come before the reading ends. */
const STILL_MAX_MS = 10_000;
const LOOK_MS = 100;

/** What was acknowledged is in the log, once. */
export const p12Events: Promised = {
  id: 'P12',
  says: 'none of 10,000 acknowledged publishes of events is lost under kill -9, none is there twice',
  async measure(signal) {
    await using topology = await openTopology({ registries: 2, routers: 2 });
    const { registries, routers, postgres, adminKey: key } = topology;
    const parts = [...registries, ...routers, postgres].map(({ part }) => part);
    const weir = createWeir({ url: routers.map(({ url }) => url), key });
    const killing: Promise<void>[] = [];
    let done = 0;
    const onDone = () => {
      done += 1;
      const part = parts[killing.length % parts.length];
      if (done % KILL_EVERY === 0 && part) killing.push(part.kill().then(() => part.start()));
    };
    const publishing = Array.from({ length: PUBLISHERS }, (_, index) => {
      const all = Array.from({ length: EVENTS }, (_one, at) => at + 1);
      const numbers = all.filter((number) => number % PUBLISHERS === index);
      const task = { topic: TOPIC, numbers, dueMs: () => 0, random: createRandom(index) };
      return publishAll(weir, { ...task, batchMax: 1, onDone, signal });
    });
    const logs = await Promise.all(publishing);
    await Promise.all(killing);
    await topology.ready();
    const acknowledged = logs.flatMap((one) => one.acknowledged);
    const ids = await readLog(weir, signal);
    weir.close();
    const there = new Set(ids);
    const lost = acknowledged.filter((number) => !there.has(`${number}`));
    const count = (value: number) => ({ value, unit: 'count' as const });
    return [
      { figure: 'acknowledged', ...count(acknowledged.length), limit: EVENTS, atLeast: true },
      { figure: 'processes killed with SIGKILL', ...count(killing.length) },
      {
        figure: 'attempts that failed, and were made again under their key',
        ...count(logs.flatMap(({ failed }) => failed).length),
      },
      { figure: 'acknowledged and lost', ...count(lost.length), limit: 0 },
      { figure: 'in the log twice', ...count(ids.length - there.size), limit: 0 },
    ];
  },
};

/** The names of all events of the log, in its order. */
async function readLog(weir: ReturnType<typeof createWeir>, signal: AbortSignal) {
  const left = new AbortController();
  const both = AbortSignal.any([left.signal, signal]);
  const { heard, ended } = listen(weir, { topic: TOPIC, from: 'earliest', signal: both });
  let seen = -1;
  for (let changedMs = performance.now(); performance.now() - changedMs < STILL_MAX_MS; ) {
    if (heard.length !== seen) changedMs = performance.now();
    seen = heard.length;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  left.abort();
  await ended;
  return heard.map(({ id }) => id);
}
