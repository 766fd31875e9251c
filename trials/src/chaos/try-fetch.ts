import { writeFile } from 'node:fs/promises';
import type { Breaking } from './break-things.ts';
import { checkRecord } from './check.ts';
import type { AskedFetch } from './options.ts';
import { runChaos, targetsOf } from './run.ts';
import { createSchedule } from './schedule.ts';
import { summarise } from './summary.ts';
import { openWorld } from './world.ts';

/** Runs a trial of fetching and prints what it came to. Says whether all was well. */
export async function tryFetch(
  asked: AskedFetch,
  told: Pick<Breaking, 'signal' | 'tell'>,
): Promise<boolean> {
  const { seed, minutes, registries, plant } = asked;
  console.log(`seed ${seed}, ${minutes} min, ${registries} registries, 2 routers, 2 providers`);
  await using world = await openWorld({ registries, routers: 2 });
  if (asked.keep) world.topology.site.keep();
  const durationMs = minutes * 60_000;
  const schedule = createSchedule(seed, durationMs, targetsOf(world));
  const run = await runChaos(world, { seed, durationMs, schedule, plant, ...told });
  if (asked.record !== undefined) await writeFile(asked.record, JSON.stringify(run));
  const verdict = checkRecord(run.record);
  console.log(summarise(run, verdict));
  if (asked.keep) console.log(`logs are in ${world.topology.site.folder}`);
  return verdict.violations.length === 0;
}
