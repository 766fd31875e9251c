import { writeFile } from 'node:fs/promises';
import { MissingBinary } from '../parts/binaries.ts';
import { checkRecord } from './check.ts';
import { type Asked, readOptions, UsageError, usage } from './options.ts';
import { runChaos, targetsOf } from './run.ts';
import { createSchedule } from './schedule.ts';
import { summarise } from './summary.ts';
import { openWorld } from './world.ts';

const abort = new AbortController();
process.once('SIGINT', () => abort.abort());
process.once('SIGTERM', () => abort.abort());
try {
  process.exitCode = await main(readOptions(process.argv.slice(2)));
} catch (error) {
  const known = error instanceof UsageError || error instanceof MissingBinary;
  if (!known) throw error;
  console.error(error instanceof UsageError ? `${error.message}\n${usage}` : error.message);
  process.exitCode = 2;
}

async function main(asked: Asked): Promise<number> {
  const { seed, minutes, registries, plant } = asked;
  console.log(`seed ${seed}, ${minutes} min, ${registries} registries, 2 routers, 2 providers`);
  await using world = await openWorld({ registries, routers: 2 });
  if (asked.keep) world.topology.site.keep();
  const startMs = performance.now();
  const tell = (text: string) =>
    console.log(`${((performance.now() - startMs) / 1_000).toFixed(1).padStart(7)} s  ${text}`);
  const durationMs = minutes * 60_000;
  const schedule = createSchedule(seed, durationMs, targetsOf(world));
  const { signal } = abort;
  const run = await runChaos(world, { seed, durationMs, schedule, plant, signal, tell });
  if (asked.record !== undefined) await writeFile(asked.record, JSON.stringify(run));
  const verdict = checkRecord(run.record);
  console.log(summarise(run, verdict));
  if (asked.keep) console.log(`logs are in ${world.topology.site.folder}`);
  return verdict.violations.length === 0 ? 0 : 1;
}
