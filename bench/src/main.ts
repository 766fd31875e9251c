import { writeFile } from 'node:fs/promises';
import { openLoad } from './load/open-load.ts';
import { type AskedSuite, type AskedUrl, readOptions, UsageError, usage } from './options.ts';
import { historyLine, renderHtml, renderTable, renderVerdict } from './report/index.ts';
import { errorsIn, faultsOf } from './run/faults.ts';
import { choosePins, pinOurselves } from './run/machine.ts';
import { countOf } from './run/results.ts';
import { writeWhole } from './run/store.ts';
import { runSuite } from './run/suite.ts';
import { runUrl, urlTable } from './run/url.ts';

const exitCodes = { errors: 1, usage: 2, interrupted: 130 } as const;
const abort = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => abort.abort());

try {
  const asked = readOptions(process.argv.slice(2), process.env);
  const faults = await (asked.kind === 'suite' ? suite(asked) : url(asked));
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = exitCodes.errors;
} catch (error) {
  if (abort.signal.aborted) {
    console.error('interrupted');
    process.exitCode = exitCodes.interrupted;
  } else if (error instanceof UsageError) {
    console.error(`${error.message}\n${usage}`);
    process.exitCode = exitCodes.usage;
  } else throw error;
}

/** Returns what is wrong. */
async function suite(asked: AskedSuite): Promise<string[]> {
  const pins = choosePins();
  pinOurselves(pins);
  await using load = await openLoad({ core: pins.others });
  const { signal } = abort;
  const results = await runSuite(asked, { load, pins, signal, tell: (line) => console.log(line) });
  await writeWhole(asked.html, await renderHtml(results));
  console.log(`\n${renderTable(results)}\n\n${renderVerdict(results)}\n`);
  console.log(`${historyLine(results)}\n`);
  console.log(`results: ${asked.out}, page: ${asked.html}`);
  return [...errorsIn(results), ...faultsOf(results, asked.scenarios)];
}

/** Returns what is wrong. */
async function url(asked: AskedUrl): Promise<string[]> {
  await using load = await openLoad({ core: undefined });
  const results = await runUrl(asked, { load, signal: abort.signal });
  console.log(urlTable(results, asked.batch));
  if (asked.out !== undefined) await writeFile(asked.out, JSON.stringify(results, undefined, 1));
  return results.flatMap(({ plan, result }) =>
    countOf(result.errors) > 0 ? [`${plan}: ${JSON.stringify(result.errors)}`] : [],
  );
}
