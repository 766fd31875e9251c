import { defineContext, defineProvider } from '@weir/sdk/provider';
import { toKeyName } from '../keys.ts';
import { type Listed, listPage, summarise } from '../listing.ts';
import { type ReadyProvider, readyProvider } from '../ready.ts';
import { compareKeys, readTerms } from '../search.ts';
import { shareFor } from '../share.ts';
import type { Family } from './exposition.ts';
import { toMetric } from './metric.ts';
import { type Scrape, scrape } from './scrape.ts';

/** What `metricsProvider` serves. */
export interface MetricsProviderOptions {
  /** A Prometheus endpoint, such as `http://127.0.0.1:9100/metrics`. */
  readonly url: string;
  /** The provider's name. Default: `metrics`. */
  readonly name?: string;
  /** For how long what was scraped is answered from, in milliseconds. Default: 1,000. */
  readonly maxAgeMs?: number;
}

/**
 * Offers the metrics of a Prometheus endpoint (text format 0.0.4 or OpenMetrics) as `Metric`, by
 * their names: `http_requests_total`.
 *
 * @throws {Error} when the URL is not one of HTTP, or holds a user or password.
 */
export function metricsProvider(options: MetricsProviderOptions): ReadyProvider {
  const url = parseUrl(options.url);
  const read = shareFor(options.maxAgeMs ?? 1_000, () => scrape(url));
  const metrics = defineContext({
    type: 'Metric',
    version: '1.0.0',
    scope: 'tenant',
    ttlMs: 5_000,
    staleWhileRevalidateMs: 15_000,
    sensitivity: 'internal',
    async fetchMany(queries, signal) {
      const { families, at } = await read(signal);
      return queries.map(({ key }) => {
        const family = families.get(key);
        return family && { value: toMetric(key, family, at), asOf: at, source: key };
      });
    },
    async list(query) {
      return listPage(toListed(await read(query.signal)), query);
    },
  });
  const provider = defineProvider({
    name: options.name ?? 'metrics',
    version: '1.0.0',
    title: 'Metrics',
    description: 'The metrics of a Prometheus endpoint.',
    tags: ['metrics', 'prometheus'],
    category: 'observability',
    timeoutMs: 10_000,
    contexts: [metrics],
  });
  return readyProvider(provider);
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new Error('the address of the metrics is not like http://127.0.0.1:9100/metrics');
  }
  if (url.username !== '' || url.password !== '') {
    throw new Error('the address of the metrics must hold no user or password: take them out');
  }
  return url;
}

function toListed({ families, at }: Scrape): Listed[] {
  const listed = Array.from(families, ([key, family]) => toEntry(key, family, at));
  return listed
    .filter(({ key }) => toKeyName(key) === key)
    .sort((a, b) => compareKeys(a.key, b.key));
}

function toEntry(key: string, { help, type }: Family, at: Date): Listed {
  return {
    key,
    title: key,
    summary: help === '' ? type : `${type}: ${summarise(help)}`,
    updateTime: at,
    terms: readTerms(key, help),
  };
}
