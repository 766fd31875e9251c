import { Code } from '@weir/sdk';
import { ProviderError } from '@weir/sdk/provider';
import { type Family, parseExposition } from './exposition.ts';

const timeoutMs = 5_000;
const maxBytes = 8 * 1024 * 1024;
const retryDelayMs = 5_000;

/** The plain format is asked for first: it names counters as people know them. */
const accept =
  'text/plain;version=0.0.4;q=1,application/openmetrics-text;version=1.0.0;q=0.7,text/plain;q=0.5,*/*;q=0.1';

/** What an endpoint said, and when. */
export interface Scrape {
  readonly families: ReadonlyMap<string, Family>;
  readonly at: Date;
}

/**
 * Asks an endpoint for its metrics; it has 5 s and 8 MiB.
 *
 * @throws {ProviderError} when it does not give them.
 */
export async function scrape(url: URL): Promise<Scrape> {
  const response = await request(url);
  if (!response.ok) {
    await response.body?.cancel();
    throw unavailable(`answered ${response.status}`);
  }
  const at = new Date();
  const text = await readText(response);
  const type = response.headers.get('content-type') ?? '';
  const isOpenMetrics = type.includes('application/openmetrics-text');
  const format = isOpenMetrics ? 'openmetrics' : 'prometheus';
  const { families, badLines } = parseExposition(text, format);
  if (families.size === 0 && badLines > 0) throw unavailable('did not answer with metrics');
  return { families: isOpenMetrics ? withTotals(families) : families, at };
}

async function request(url: URL): Promise<Response> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    return await fetch(url, { signal, redirect: 'error', headers: { accept } });
  } catch (cause) {
    throw toProviderError(cause);
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw unavailable('answered with more than 8 MiB');
      chunks.push(chunk);
    }
  } catch (cause) {
    throw toProviderError(cause);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function toProviderError(cause: unknown): ProviderError {
  if (cause instanceof ProviderError) return cause;
  const isLate = cause instanceof Error && cause.name === 'TimeoutError';
  return unavailable(
    isLate ? `did not answer within ${timeoutMs} ms` : 'could not be reached',
    cause,
  );
}

/** Callers learn what happened, and not where. */
function unavailable(what: string, cause?: unknown): ProviderError {
  const text = `the metrics endpoint ${what}`;
  return new ProviderError(Code.Unavailable, text, { retryDelayMs, cause });
}

/** OpenMetrics leaves `_total` out of the names of counters; keys are to be the same in both formats. */
function withTotals(families: ReadonlyMap<string, Family>): ReadonlyMap<string, Family> {
  return new Map(
    Array.from(families, ([name, family]) => {
      const total = `${name}_total`;
      const isCounted = family.samples.some((sample) => sample.name === total);
      return [isCounted && !families.has(total) ? total : name, family];
    }),
  );
}
