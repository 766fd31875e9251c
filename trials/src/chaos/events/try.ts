import type { Breaking } from '../break-things.ts';
import type { AskedEvents } from '../options.ts';
import { checkEvents } from './check.ts';
import { runEvents } from './run.ts';
import { summariseEvents } from './summary.ts';
import { eventSchedule, openEventWorld } from './world.ts';

/** Runs a trial of events and prints what it came to. Says whether all was well. */
export async function tryEvents(
  asked: AskedEvents,
  told: Pick<Breaking, 'signal' | 'tell'>,
): Promise<boolean> {
  const { seed, minutes, registries, plant, events } = asked;
  console.log(
    `seed ${seed}, ${minutes} min, ${events} events, ${registries} registries, 2 routers`,
  );
  await using world = await openEventWorld({ registries, routers: 2 });
  if (asked.keep) world.topology.site.keep();
  const durationMs = minutes * 60_000;
  const schedule = eventSchedule(world, seed, durationMs);
  const run = await runEvents(world, { seed, durationMs, schedule, events, plant, ...told });
  const verdict = checkEvents(run);
  console.log(summariseEvents(run, verdict));
  if (asked.keep) console.log(`logs are in ${world.topology.site.folder}`);
  return verdict.isWell;
}
