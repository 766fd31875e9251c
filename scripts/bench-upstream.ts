import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type ClientHttp2Session, connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { createLogger, createOutboundGuard, noSecrets, systemClock } from '@weir/kit';
import {
  FetchRequestSchema,
  FetchResponseSchema,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { EndpointSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { createInvalidations } from '../router/src/events/invalidations.ts';
import { createFlights } from '../router/src/gather/flights.ts';
import { createMemoryCache } from '../router/src/gather/memory-cache.ts';
import { openLimits } from '../router/src/limits/limits.ts';
import { openExaminer } from '../router/src/quality/examiner.ts';
import { createProviderRecords } from '../router/src/quality/record.ts';
import type { Offer, ProviderVersion } from '../router/src/snapshot/catalogue.ts';
import { testCaller } from '../router/test/entries.ts';

// npm run bench:upstream: what it costs to ask a provider for one value of 1 KB, beside a bare
// client of node:http2 that makes the same call of the same provider, which is another process.
// With the path of another router/src/upstream/upstream.ts, that is measured in the same run.

const CONCURRENCY = 64;
const ROUNDS = 7;
const ROUND_MS = 400;
const TIMEOUT_MS = 5_000;
const VALUE_BYTES = 1024;
const path = '/weir.provider.v1.ProviderService/Fetch';

const request = create(FetchRequestSchema, {
  queries: [{ type: 'DocChunk', typeVersion: '1.0.0', key: 'guides/start#1' }],
  caller: { tenant: 'acme', attributes: {} },
});

type Ask = () => Promise<void>;

interface Figures {
  readonly callsPerSecond: number;
  readonly cpuUs: number;
}

if (process.argv[2] === 'provider') serveProvider();
else await measure(process.argv[2]);

async function measure(other: string | undefined): Promise<void> {
  const child = fork(import.meta.filename, ['provider']);
  const [url] = (await once(child, 'message')) as [string];
  await using stack = new AsyncDisposableStack();
  stack.defer(() => void child.kill());
  const session = connect(url);
  stack.defer(() => session.destroy());
  const ours = resolve(import.meta.dirname, '../router/src/upstream/upstream.ts');
  const subjects: Record<string, Ask> = {
    'bare node:http2': () => askBare(session),
    upstream: await upstreamOf(ours, url, stack),
    'flight and landing': await flightOf(ours, url, stack),
  };
  if (other !== undefined) {
    subjects['other upstream'] = await upstreamOf(resolve(other), url, stack);
    subjects['other upstream, flight and landing'] = await flightOf(resolve(other), url, stack);
  }
  const figures = new Map(Object.keys(subjects).map((name) => [name, [] as Figures[]]));
  for (let round = -1; round < ROUNDS; round++) {
    for (const [name, ask] of Object.entries(subjects)) {
      const figure = await load(ask);
      if (round >= 0) figures.get(name)?.push(figure);
    }
  }
  print(figures);
}

/** Keeps so many calls under way for a round. */
async function load(ask: Ask): Promise<Figures> {
  const startMs = performance.now();
  const before = process.cpuUsage();
  let calls = 0;
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (; performance.now() - startMs < ROUND_MS; calls++) await ask();
    }),
  );
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - startMs) / 1000;
  return { callsPerSecond: calls / seconds, cpuUs: (user + system) / calls };
}

/** The middle round of each, and what it is of the bare client's. */
function print(figures: ReadonlyMap<string, readonly Figures[]>): void {
  const middle = (list: readonly number[]) => list.toSorted((a, b) => a - b)[list.length >> 1] ?? 0;
  const rows = [...figures].map(([name, list]) => ({
    name,
    callsPerSecond: middle(list.map((one) => one.callsPerSecond)),
    cpuUs: middle(list.map((one) => one.cpuUs)),
  }));
  const floor = rows[0]?.callsPerSecond ?? 1;
  console.log(
    `${''.padEnd(36)}${'calls/s'.padStart(10)}${'CPU µs'.padStart(10)}${'ratio'.padStart(8)}`,
  );
  for (const { name, callsPerSecond, cpuUs } of rows) {
    const ratio = (callsPerSecond / floor).toFixed(2).padStart(8);
    const calls = Math.round(callsPerSecond).toString().padStart(10);
    console.log(`${name.padEnd(36)}${calls}${cpuUs.toFixed(1).padStart(10)}${ratio}`);
  }
}

function askBare(session: ClientHttp2Session): Promise<void> {
  const message = toBinary(FetchRequestSchema, request);
  const body = Buffer.alloc(5 + message.length);
  body.writeUInt32BE(message.length, 1);
  body.set(message, 5);
  return new Promise((done, fail) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc+proto',
      te: 'trailers',
    });
    stream.on('data', () => {});
    stream.on('end', done);
    stream.on('error', fail);
    stream.end(body);
  });
}

function providerAt(url: string): ProviderVersion {
  const endpoint = create(EndpointSchema, { id: 'endpoint', url });
  return {
    ...{ tenant: 'acme', name: 'docs', version: '1.0.0', manifestHash: '', weight: 100 },
    ...{ priority: 0, timeoutMs: TIMEOUT_MS, wantsPrincipal: false, principalAttributes: [] },
    limits: { concurrentCalls: 1_000, callsPerSecond: undefined, responseBytes: 64 * 1024 * 1024 },
    ...{ rates: undefined, hedgeAfterMs: undefined, bearer: '', watch: false },
    ...{ known: [endpoint], usable: [endpoint], up: 1 },
  };
}

async function openUpstreamOf(module: string, stack: AsyncDisposableStack) {
  const log = createLogger({ name: 'bench', level: 'silent' });
  const outbound = createOutboundGuard({ allow: ['loopback'], log });
  const { openUpstream }: typeof import('../router/src/upstream/upstream.ts') = await import(
    module
  );
  return stack.use(openUpstream({ clock: systemClock, secrets: noSecrets, outbound, log }));
}

async function upstreamOf(module: string, url: string, stack: AsyncDisposableStack): Promise<Ask> {
  const upstream = await openUpstreamOf(module, stack);
  const provider = providerAt(url);
  return async () => {
    const limits = { signal: new AbortController().signal, timeoutMs: TIMEOUT_MS };
    let bytes = 0;
    for await (const { results } of upstream.fetch(provider, request, limits)) {
      const outcome = results[0]?.outcome;
      if (outcome?.case === 'content') bytes += outcome.value.payload.length;
      break;
    }
    if (bytes !== VALUE_BYTES) throw new Error(`${bytes} bytes came`);
  };
}

async function flightOf(module: string, url: string, stack: AsyncDisposableStack): Promise<Ask> {
  const log = createLogger({ name: 'bench', level: 'silent' });
  const clock = systemClock;
  const flights = createFlights({
    ...{ upstream: await openUpstreamOf(module, stack), clock, shared: undefined },
    memory: createMemoryCache(1024 * 1024),
    examiner: stack.use(openExaminer({ clock, log })),
    records: createProviderRecords(clock),
    limits: stack.use(openLimits({ clock, log, pool: undefined })),
    invalidations: createInvalidations(),
  });
  const offer: Offer = {
    provider: providerAt(url),
    ...{ type: 'DocChunk', typeVersion: '1.0.0', keyPrefix: '', scope: 'none' },
    ...{ ttlMs: 0, staleMs: 0, negativeTtlMs: 0, sensitivity: 0, listable: false, templates: [] },
    ...{ schema: undefined, checks: undefined },
  };
  const caller = testCaller();
  let asked = 0;
  return async () => {
    const key = `guides/start#${asked++}`;
    const departures = flights.openDepartures(caller, clock.monotonicMs() + TIMEOUT_MS);
    const wanted = { key, offer, query: { type: 'DocChunk', key }, stale: undefined };
    const { kind } = await departures.fly(wanted).flight.landed;
    if (kind !== 'found') throw new Error(`it is ${kind}`);
  };
}

/** A provider with nothing between it and the wire. */
function serveProvider(): void {
  const payload = Buffer.alloc(VALUE_BYTES, 0x61);
  const value = { payload, contentType: 'text/plain', etag: 'v1' };
  const message = toBinary(
    FetchResponseSchema,
    create(FetchResponseSchema, { results: [{ index: 0, outcome: { case: 'content', value } }] }),
  );
  const body = Buffer.alloc(5 + message.length);
  body.writeUInt32BE(message.length, 1);
  body.set(message, 5);
  const server = createServer({ settings: { initialWindowSize: 1024 * 1024 } });
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.resume();
    const headers = { ':status': 200, 'content-type': 'application/grpc+proto' };
    stream.respond(headers, { waitForTrailers: true });
    stream.end(body);
  });
  server.listen(0, '127.0.0.1', () => {
    process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  process.on('disconnect', () => process.exit());
}
