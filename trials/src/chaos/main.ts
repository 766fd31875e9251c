import { MissingBinary } from '../parts/binaries.ts';
import { tryEvents } from './events/try.ts';
import { readOptions, UsageError, usage } from './options.ts';
import { tryFetch } from './try-fetch.ts';

const abort = new AbortController();
process.once('SIGINT', () => abort.abort());
process.once('SIGTERM', () => abort.abort());
const startMs = performance.now();
const tell = (text: string) =>
  console.log(`${((performance.now() - startMs) / 1_000).toFixed(1).padStart(7)} s  ${text}`);
try {
  const asked = readOptions(process.argv.slice(2));
  const { signal } = abort;
  const isWell =
    asked.trial === 'fetch'
      ? await tryFetch(asked, { signal, tell })
      : await tryEvents(asked, { signal, tell });
  process.exitCode = isWell ? 0 : 1;
} catch (error) {
  const known = error instanceof UsageError || error instanceof MissingBinary;
  if (!known) throw error;
  console.error(error instanceof UsageError ? `${error.message}\n${usage}` : error.message);
  process.exitCode = 2;
}
