import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Code } from '@weir/sdk';
import { openTestProvider } from '@weir/sdk/testing';
import { expect, test } from 'vitest';
import { openConformance } from '../testing/conforms.ts';
import { metricsProvider } from './provider.ts';

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

/** A real HTTP server, which answers as the test says. */
async function openEndpoint(handle: Handle): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer(handle).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/metrics`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const says =
  (text: string, type = 'text/plain; version=0.0.4'): Handle =>
  (_request, response) =>
    response.writeHead(200, { 'content-type': type }).end(text);

const open = (url: string) => openTestProvider(metricsProvider({ url, maxAgeMs: 0 }).provider);
const keysOf = (page: { entries: { key: string }[] }) => page.entries.map(({ key }) => key);

const exposition = `# HELP http_requests_total Requests answered.
# TYPE http_requests_total counter
http_requests_total{method="GET",status="200"} 10427 1395066363000
http_requests_total{method="GET",status="500"} 3
# HELP rpc_duration_seconds How long calls took.
# TYPE rpc_duration_seconds histogram
rpc_duration_seconds_bucket{method="a",le="+Inf"} 240
rpc_duration_seconds_bucket{method="a",le="0.05"} 239
rpc_duration_seconds_bucket{method="a",le="0.005"} 120
rpc_duration_seconds_sum{method="a"} 1.92
rpc_duration_seconds_count{method="a"} 240
rpc_duration_seconds_bucket{method="b",le="+Inf"} 0
rpc_duration_seconds_sum{method="b"} NaN
rpc_duration_seconds_count{method="b"} 0
# TYPE gc_pause_seconds summary
gc_pause_seconds{kind="minor",quantile="0.99"} NaN
gc_pause_seconds{kind="minor",quantile="0.5"} 0.0007
gc_pause_seconds_sum{kind="minor"} 0.84
gc_pause_seconds_count{kind="minor"} 911
# TYPE memory_free_bytes gauge
memory_free_bytes -Inf
nameless 7
# TYPE silent gauge
# HELP silent Known, and without values.
# TYPE broken histogram
broken_sum 3
`;

test('every metric that is listed can be fetched and conforms', async () => {
  await using endpoint = await openEndpoint(says(exposition));
  const conforms = await openConformance('Metric');
  const metrics = open(endpoint.url);
  const keys = keysOf(await metrics.list('Metric'));
  expect(keys).toEqual([
    'broken',
    'gc_pause_seconds',
    'http_requests_total',
    'memory_free_bytes',
    'nameless',
    'rpc_duration_seconds',
    'silent',
  ]);
  for (const key of keys) conforms((await metrics.fetch('Metric', key)).value);
});

test('counters, gauges, histograms and summaries keep their meaning', async () => {
  await using endpoint = await openEndpoint(says(exposition));
  const metrics = open(endpoint.url);
  const value = async (key: string) => (await metrics.fetch('Metric', key)).value;
  expect(await value('http_requests_total')).toMatchObject({
    type: 'counter',
    description: 'Requests answered.',
    series: [
      {
        labels: { method: 'GET', status: '200' },
        points: [{ timestamp: '2014-03-17T14:26:03.000Z', value: 10427 }],
      },
      { labels: { method: 'GET', status: '500' }, points: [{ value: 3 }] },
    ],
  });
  expect(await value('rpc_duration_seconds')).toMatchObject({
    type: 'histogram',
    unit: 's',
    series: [
      {
        labels: { method: 'a' },
        points: [
          {
            count: 240,
            sum: 1.92,
            buckets: [
              { upperBound: 0.005, count: 120 },
              { upperBound: 0.05, count: 239 },
              { upperBound: '+Inf', count: 240 },
            ],
          },
        ],
      },
      { labels: { method: 'b' }, points: [{ count: 0, sum: 'NaN' }] },
    ],
  });
  expect(await value('gc_pause_seconds')).toMatchObject({
    type: 'summary',
    series: [
      {
        labels: { kind: 'minor' },
        points: [
          {
            count: 911,
            quantiles: [
              { quantile: 0.5, value: 0.0007 },
              { quantile: 0.99, value: 'NaN' },
            ],
          },
        ],
      },
    ],
  });
  expect(await value('memory_free_bytes')).toMatchObject({
    type: 'gauge',
    unit: 'By',
    series: [{ labels: {}, points: [{ value: '-Inf' }] }],
  });
  expect(await value('silent')).toMatchObject({ type: 'gauge', series: [] });
  expect(await value('broken')).toMatchObject({
    type: 'unknown',
    series: [{ labels: { __name__: 'broken_sum' }, points: [{ value: 3 }] }],
  });
});

test('OpenMetrics gives the same keys, with start times', async () => {
  const text = `# TYPE http_requests counter
# UNIT http_requests requests
http_requests_total{status="200"} 5 1520879607.789 # {trace_id="abc"} 1
http_requests_created{status="200"} 1520872607.123
# TYPE build info
build_info{version="1"} 1
# EOF
`;
  await using endpoint = await openEndpoint(
    says(text, 'application/openmetrics-text; version=1.0.0; charset=utf-8'),
  );
  const conforms = await openConformance('Metric');
  const metrics = open(endpoint.url);
  expect(keysOf(await metrics.list('Metric'))).toEqual(['build', 'http_requests_total']);
  const { value } = await metrics.fetch('Metric', 'http_requests_total');
  conforms(value);
  expect(value).toMatchObject({
    name: 'http_requests_total',
    type: 'counter',
    unit: 'requests',
    series: [
      {
        labels: { status: '200' },
        points: [
          {
            timestamp: '2018-03-12T18:33:27.789Z',
            startTimestamp: '2018-03-12T16:36:47.123Z',
            value: 5,
          },
        ],
      },
    ],
  });
});

test('metrics are found by words of name and help', async () => {
  await using endpoint = await openEndpoint(says(exposition));
  const metrics = open(endpoint.url);
  expect(keysOf(await metrics.list('Metric', { text: 'how long calls' }))).toEqual([
    'rpc_duration_seconds',
  ]);
  const { entries } = await metrics.list('Metric', { text: 'requests' });
  expect(entries[0]).toMatchObject({
    key: 'http_requests_total',
    summary: 'counter: Requests answered.',
  });
  expect(keysOf(await metrics.list('Metric', { keyPrefix: 'gc_' }))).toEqual(['gc_pause_seconds']);
  expect(await metrics.query('Metric', 'none')).toEqual({ kind: 'not-found' });
  expect(await metrics.query('Metric', 'rpc_duration_seconds_count')).toEqual({
    kind: 'not-found',
  });
});

test('a batch, and calls at the same time, scrape once', async () => {
  let scrapes = 0;
  await using endpoint = await openEndpoint((request, response) => {
    scrapes += 1;
    says(exposition)(request, response);
  });
  const metrics = openTestProvider(
    metricsProvider({ url: endpoint.url, maxAgeMs: 60_000 }).provider,
  );
  await Promise.all([
    metrics.fetch('Metric', 'nameless'),
    metrics.list('Metric'),
    metrics.fetch('Metric', 'silent'),
  ]);
  await metrics.fetch('Metric', 'nameless');
  expect(scrapes).toBe(1);
});

test.each<{ what: string; handle: Handle; text: string }>([
  {
    what: 'an error',
    handle: (_, response) => response.writeHead(503).end(),
    text: 'answered 503',
  },
  {
    what: 'a page',
    handle: says('<html><body>Hello</body></html>', 'text/html'),
    text: 'did not answer with metrics',
  },
  {
    what: 'too much',
    handle: says(`a 1\n`.repeat(3_000_000)),
    text: 'answered with more than 8 MiB',
  },
  {
    what: 'a redirect',
    handle: (_, response) => response.writeHead(302, { location: '/elsewhere' }).end(),
    text: 'could not be reached',
  },
  {
    what: 'half an answer',
    handle: (_, response) => void response.write('a 1\n', () => response.destroy()),
    text: 'could not be reached',
  },
])(
  'an endpoint that answers with $what fails the items, without its address',
  async ({ handle, text }) => {
    await using endpoint = await openEndpoint(handle);
    expect(await open(endpoint.url).query('Metric', 'a')).toEqual({
      kind: 'failure',
      code: Code.Unavailable,
      text: `the metrics endpoint ${text}`,
      retryDelayMs: 5_000,
    });
  },
);

test('an endpoint that is down fails the items', async () => {
  expect(await open('http://127.0.0.1:1/metrics').query('Metric', 'a')).toMatchObject({
    kind: 'failure',
    text: 'the metrics endpoint could not be reached',
  });
});

test('too many series are cut, and said to be', async () => {
  const lines = Array.from({ length: 40_000 }, (_, index) => `many{index="${index}"} 1`);
  await using endpoint = await openEndpoint(says(`${lines.join('\n')}\n`));
  const { value, bytes } = await open(endpoint.url).fetch('Metric', 'many');
  expect(value).toMatchObject({ truncated: true });
  expect(bytes.length).toBeLessThan(4 * 1024 * 1024);
});

test.each(['ftp://host/metrics', 'nonsense', '', 'http://ada:hush@host/metrics'])(
  'the address %j is refused',
  (url) => {
    expect(() => metricsProvider({ url })).toThrow(/the address of the metrics/);
  },
);
