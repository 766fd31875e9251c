import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { openTestAuthority, type TestAuthority } from '@weir/kit/testing/certificates';
import { hasRedisServer, openTestRedis, type TestRedis } from '@weir/kit/testing/redis-server';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dashboardQueries, isInstalled, metricsIn, projectFile, promtool } from './monitoring.ts';
import { familiesOf, scrape } from './scrape.ts';
import { openFolder, openTestWeir, type TestWeir, until } from './weir.ts';

const redisUrl = process.env.WEIR_TEST_REDIS_URL;
const hasPromtool = isInstalled('promtool');
const hasPrometheus = isInstalled('prometheus');
const hostileCount = 1_000;

let weir: TestWeir;
let authority: TestAuthority;
/** For the log of events. */
let redis: TestRedis | undefined;
let docs: Awaited<ReturnType<typeof openFolder>>;

beforeAll(async () => {
  docs = await openFolder();
  await writeFile(join(docs.path, 'a.md'), '# Hello\n\nA text.\n');
  authority = await openTestAuthority();
  const { certFile, keyFile } = await authority.issue();
  if (hasRedisServer) redis = await openTestRedis();
  const inRedis = { WEIR_EVENTS_LOG: 'redis', WEIR_EVENTS_REDIS_URL: redis?.url };
  weir = await openTestWeir({
    ...(redis && inRedis),
    ...{ WEIR_REDIS_URL: redisUrl, WEIR_DOCS_DIR: docs.path },
    ...{ WEIR_TLS_CERT_FILE: certFile, WEIR_TLS_KEY_FILE: keyFile, WEIR_TLS_CLEAR_TEXT: 'true' },
  });
  await work(weir);
});

afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await redis?.[Symbol.asyncDispose]();
  await docs[Symbol.asyncDispose]();
  await authority[Symbol.asyncDispose]();
});

const families = async () => familiesOf(await scrape(weir.weir.opsPort));

test('every metric is documented as it is, and every one documented is there', async () => {
  const documented = await documentedMetrics();
  const shown = [...(await families()).values()].map(({ name, type, labels }) => [
    name,
    `${type} {${[...labels].sort().join(', ')}}`,
  ]);
  expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(documented));
});

test.skipIf(!hasPromtool)('promtool finds nothing to say of them (needs promtool)', async () => {
  expect(promtool(['check', 'metrics'], await scrape(weir.weir.opsPort))).toBe('');
});

test('router and registry both show on the one port', async () => {
  const services = new Set<string>();
  for (const { series } of (await families()).values()) {
    for (const one of series) services.add(/service="([^"]*)"/.exec(one)?.[1] ?? one);
  }
  expect([...services].sort()).toEqual(['weir-registry', 'weir-router']);
});

test('names that callers make up make no series', async () => {
  const count = async () => [...(await families()).values()].flatMap(({ series }) => series).length;
  const names = Array.from({ length: hostileCount }, (_, i) => `hostile${i}`);
  await attack(weir, names.slice(0, 1));
  // What goes on by itself shows from its first time on.
  const shown = async () => (await scrape(weir.weir.opsPort)).includes('RegistryService/Heartbeat');
  await until(shown, 'a provider has sent a heartbeat', 30_000);
  const before = await count();
  await attack(weir, names);
  expect(await scrape(weir.weir.opsPort)).not.toContain('hostile');
  // What goes on beside it may show for the first time.
  expect((await count()) - before).toBeLessThan(hostileCount / 10);
}, 120_000);

test('dashboard and alerts ask for nothing that is not there', async () => {
  const shown = new Set((await families()).keys());
  const asked = new Set([
    ...metricsIn(await projectFile('deploy/grafana/weir.json')),
    ...metricsIn(await projectFile('deploy/prometheus/alerts.yaml')),
    ...metricsIn(await projectFile('deploy/prometheus/alerts-test.yaml')),
  ]);
  const missing = [...asked].filter((name) => !shown.has(name));
  expect(missing.filter(canShow)).toEqual([]);
});

test('every alert has its place in the runbook', async () => {
  const alerts = await projectFile('deploy/prometheus/alerts.yaml');
  const places = [...alerts.matchAll(/runbook_url: docs\/operating\.md#(\S+)/g)].map((m) => m[1]);
  const names = [...alerts.matchAll(/alert: (\S+)/g)].map(([, name = '']) =>
    name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase(),
  );
  const headings = [...(await projectFile('docs/operating.md')).matchAll(/^### (.+)$/gm)];
  const anchors = headings.map(([, text = '']) => text.toLowerCase().replaceAll(' ', '-'));
  expect(names.length).toBeGreaterThan(10);
  expect(places).toEqual(names);
  expect(anchors).toEqual(expect.arrayContaining(names));
});

test.skipIf(!hasPromtool).for([
  ['check', 'config', 'deploy/prometheus/prometheus.yaml'],
  ['check', 'rules', 'deploy/prometheus/alerts.yaml'],
  ['test', 'rules', 'deploy/prometheus/alerts-test.yaml'],
])('promtool %s %s is content (needs promtool)', (args) => {
  expect(promtool(args)).toBe('');
});

test.skipIf(!hasPrometheus)(
  'a real Prometheus answers every query of the dashboard (needs prometheus)',
  async () => {
    await using prometheus = await startPrometheus(weir.weir.opsPort);
    const isUp = async () => (await prometheus.query('up == 1').catch(() => [])).length === 1;
    await until(isUp, 'prometheus has scraped', 30_000);
    const queries = await dashboardQueries();
    expect(queries.length).toBeGreaterThan(40);
    for (const query of queries) await prometheus.query(query);
    const revision = await prometheus.query(
      'max(weir_registry_revision) - max(weir_snapshot_revision)',
    );
    expect(revision).toHaveLength(1);
  },
  60_000,
);

/** Calls of every kind, so that there is something to count. */
async function work({ client }: TestWeir): Promise<void> {
  const ref = 'DocChunk/a.md#hello';
  const outcomes = await client.fetch([ref, ref, 'Unknown/x']);
  expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, false]);
  await client.fetch([ref]);
  await client.registry.listTypes({});
}

/** Calls with names that nobody knows, in every place where there is one. */
async function attack({ client, weir: { url } }: TestWeir, names: string[]): Promise<void> {
  await client.fetch(names.map((name) => ({ type: name, key: name })));
  await client.fetch(names.map((name) => ({ type: 'DocChunk', key: name, provider: name })));
  const transport = createConnectTransport({ baseUrl: url, httpVersion: '1.1' });
  const stranger = createClient(RouterService, transport);
  const ask = async (name: string) => {
    const response = await fetch(`${url}/weir.router.v1.RouterService/${name}`);
    expect(response.status).toBe(404);
    const headers = { authorization: `Bearer ${name}`, 'x-request-id': name, 'user-agent': name };
    await expect(stranger.fetchContext({}, { headers })).rejects.toThrow('not valid');
  };
  for (let from = 0; from < names.length; from += 50) {
    await Promise.all(names.slice(from, from + 50).map(ask));
  }
}

/** The rows of the tables in docs/observability.md that tell of metrics. */
async function documentedMetrics(): Promise<[string, string][]> {
  const text = await projectFile('docs/observability.md');
  const rows = [...text.matchAll(/^\| `([a-z0-9_]+)` \| (counter|gauge|histogram) \| (.*?) ?\|/gm)];
  const all = rows.map(([, name = '', type, labels = '']): [string, string] => [
    name,
    `${type} {${labels.split(', ').sort().join(', ')}}`,
  ]);
  return all.filter(([name]) => canShow(name));
}

/** Whether a metric shows with what there is here. */
function canShow(name: string): boolean {
  if (name.startsWith('weir_shared_cache_')) return redisUrl !== undefined;
  return hasRedisServer || !name.startsWith('weir_events_log_');
}

interface Prometheus extends AsyncDisposable {
  /** What a query comes to now; throws what it failed with. */
  query(query: string): Promise<unknown[]>;
}

async function startPrometheus(opsPort: number): Promise<Prometheus> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await openFolder());
  const port = await freePort();
  const config = join(folder.path, 'prometheus.yaml');
  const target = `127.0.0.1:${opsPort}`;
  await writeFile(
    config,
    `global: { scrape_interval: 1s }\nscrape_configs: [{ job_name: weir, static_configs: [{ targets: ["${target}"] }] }]\n`,
  );
  const args = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder.path, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const child = spawn('prometheus', args, { stdio: 'ignore' });
  stack.defer(async () => {
    const exited = once(child, 'exit');
    child.kill();
    await exited;
  });
  const owned = stack.move();
  return {
    async query(query) {
      const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`;
      const answer = (await (await fetch(url)).json()) as {
        status: string;
        error?: string;
        data?: { result: unknown[] };
      };
      if (answer.status !== 'success') throw new Error(`${query}: ${answer.error}`);
      return answer.data?.result ?? [];
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address ? address.port : 0;
}
