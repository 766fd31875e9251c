import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLogger, openTracing, systemClock, type Tracing } from '@weir/kit';
import { createWeir } from '@weir/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OtlpReceiver, openOtlpReceiver, type ReceivedSpan } from './otlp-receiver.ts';
import { openTestWeir, type TestWeir, until } from './weir.ts';

// The consumer is this process, the router another service in it, the registry a thread, the
// provider a process of its own; each has its own tracer, and all send to one collector.

let collector: OtlpReceiver;
let consumer: Tracing;
let weir: TestWeir;
let provider: AsyncDisposable;
const log = createLogger({ name: 'test', level: 'silent' });

beforeAll(async () => {
  collector = await openOtlpReceiver();
  const service = 'test-consumer';
  const options = { service, url: collector.url, share: 1, clock: systemClock, log };
  consumer = (await openTracing(options)) as Tracing;
  weir = await openTestWeir({
    WEIR_TRACES_URL: collector.url,
    WEIR_TRACES_SAMPLE: '0',
    WEIR_LOG_LEVEL: 'debug',
  });
  provider = await startProvider(weir, collector.url);
});

afterAll(async () => {
  await provider[Symbol.asyncDispose]();
  await weir[Symbol.asyncDispose]();
  await consumer[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
});

test.for(['grpc', 'grpc-web', 'connect'] as const)(
  'one trace leads from the consumer over %s through the router to the provider',
  async (protocol) => {
    const key = `secret-key/${protocol}`;
    const client = createWeir({ url: weir.weir.url, key: weir.weir.key, protocol });
    const traceId = await inTrace('ask', async () => {
      const item = await client.get('Traced', key);
      expect(item.value).toEqual({ said: `secret-value ${key}` });
    });
    client.close();
    const spans = await spansOf(traceId, 6);
    expect(tree(spans)).toEqual([
      'test-consumer ask',
      '. weir-router weir.router.v1.RouterService/FetchContext',
      '. . weir-router gather',
      '. . . weir-router weir.provider.v1.ProviderService/Fetch',
      '. . . . traced-provider weir.provider.v1.ProviderService/Fetch',
      '. . weir-router plan',
    ]);
    const [served, gather, called] = spans
      .filter((span) => span.service === 'weir-router' && span.name !== 'plan')
      .sort((a, b) => depthOf(a, spans) - depthOf(b, spans));
    expect(served?.kind).toBe(2);
    expect(served?.attributes).toEqual({
      'rpc.system': protocol === 'connect' ? 'connect_rpc' : 'grpc',
      'rpc.service': 'weir.router.v1.RouterService',
      'rpc.method': 'FetchContext',
      ...(protocol === 'connect' ? {} : { 'rpc.grpc.status_code': 0 }),
      'weir.tenant': 'default',
    });
    expect(gather?.attributes).toEqual({ 'weir.items': 1, 'weir.items.miss': 1 });
    expect(called?.kind).toBe(3);
    expect(called?.attributes).toMatchObject({
      'weir.items': 1,
      'weir.provider': 'traced',
      'weir.provider.version': '1.0.0',
    });
  },
);

test('streams, lists and calls of the registry are traced too; health checks are not', async () => {
  const streamed = await inTrace('stream', async () => {
    for await (const { ok } of weir.client.stream(['Traced/secret-key/s'])) expect(ok).toBe(true);
  });
  const listed = await inTrace('list', () => weir.client.listPage({ type: 'Traced' }));
  const asked = await inTrace('registry', () => weir.client.registry.listTypes({}));
  expect(tree(await spansOf(streamed, 6))).toEqual([
    'test-consumer stream',
    '. weir-router weir.router.v1.RouterService/StreamContext',
    '. . weir-router gather',
    '. . . weir-router weir.provider.v1.ProviderService/Fetch',
    '. . . . traced-provider weir.provider.v1.ProviderService/Fetch',
    '. . weir-router plan',
  ]);
  expect(tree(await spansOf(listed, 4))).toEqual([
    'test-consumer list',
    '. weir-router weir.router.v1.RouterService/ListContext',
    '. . weir-router weir.provider.v1.ProviderService/List',
    '. . . traced-provider weir.provider.v1.ProviderService/List',
  ]);
  expect(tree(await spansOf(asked, 3))).toEqual([
    'test-consumer registry',
    '. weir-router weir.registry.v1.RegistryService/ListTypes',
    '. . weir-registry weir.registry.v1.RegistryService/ListTypes',
  ]);
  expect(collector.spans.filter(({ name }) => name.startsWith('grpc.'))).toEqual([]);
});

test('what happens to a call of a provider on its way shows as events', async () => {
  // Nobody listens there: a call that goes there is made once more, at the other endpoint.
  const endpointSpec = { url: 'http://127.0.0.1:9' };
  const gone = { provider: 'traced', version: '1.0.0', endpoint: endpointSpec };
  const { endpoint } = await weir.client.registry.registerEndpoint(gone);
  const events: string[] = [];
  for (let i = 0; i < 10 && !events.includes('retry'); i++) {
    const traceId = await inTrace('ask', () => weir.client.get('Traced', `secret-key/${i}`));
    events.push(...(await spansOf(traceId, 6)).flatMap((span) => span.events));
  }
  await weir.client.registry.deregisterEndpoint({ endpointId: endpoint?.id ?? '' });
  expect(events).toContain('retry');
});

test('a refused call shows its code and reason, and no text', async () => {
  const stranger = createWeir({ url: weir.weir.url, key: 'weir_secret-canary', retries: 0 });
  const traceId = await inTrace('ask', () =>
    expect(stranger.fetch(['Traced/secret-key'])).rejects.toThrow('not valid'),
  );
  stranger.close();
  const refused = (await spansOf(traceId, 2)).find(({ service }) => service === 'weir-router');
  expect(refused?.attributes).toEqual({
    'rpc.system': 'grpc',
    'rpc.service': 'weir.router.v1.RouterService',
    'rpc.method': 'FetchContext',
    'rpc.grpc.status_code': 16,
    'weir.reason': 'REASON_CREDENTIAL_INVALID',
  });
});

test('log lines of a call carry its trace', async () => {
  const traceId = await inTrace('ask', () => weir.client.get('Traced', 'secret-key/log'));
  const spans = await spansOf(traceId, 6);
  const served = spans.find(({ kind, service }) => kind === 2 && service === 'weir-router');
  const text = await readFile(join(weir.dataDir, 'logs', 'weir.log'), 'utf8');
  const lines: Record<string, unknown>[] = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const own = lines.filter((line) => line.trace_id === traceId);
  expect(own.map(({ msg, method, span_id }) => ({ msg, method, span_id }))).toEqual([
    { msg: 'call', method: 'weir.router.v1.RouterService/FetchContext', span_id: served?.spanId },
  ]);
});

test('nothing that was sent holds a key, a value, a credential or an address', () => {
  const { raw } = collector;
  expect(raw.length).toBeGreaterThan(1000);
  for (const canary of ['secret-key', 'secret-value', 'secret-canary', weir.weir.key, 'weir_']) {
    expect(raw).not.toContain(canary);
  }
  const addresses = raw.replaceAll(/"host":"127\.0\.0\.1:\d+"/g, '').match(/127\.0\.0\.1/g);
  expect(addresses).toBeNull();
});

/** Runs something in a trace of the consumer's; returns the id of the trace. */
async function inTrace(name: string, run: () => Promise<unknown>): Promise<string> {
  return consumer.tracer.startActiveSpan(name, async (span) => {
    await run();
    span.end();
    return span.spanContext().traceId;
  });
}

async function spansOf(traceId: string, count: number): Promise<ReceivedSpan[]> {
  await consumer.flush();
  const own = () => collector.spans.filter((span) => span.traceId === traceId);
  await until(() => own().length >= count, `${count} spans of a trace`);
  return own();
}

/** The spans of a trace, each after its parent and by its depth; none may be without a parent. */
function tree(spans: readonly ReceivedSpan[]): string[] {
  const below = (parent: string, indent: string): string[] =>
    spans
      .filter((span) => span.parentSpanId === parent)
      .sort((a, b) => a.name.localeCompare(b.name))
      .flatMap(({ service, name, spanId }) => [
        `${indent}${service} ${name}`,
        ...below(spanId, `${indent}. `),
      ]);
  return below('', '');
}

function depthOf(span: ReceivedSpan, spans: readonly ReceivedSpan[]): number {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
  return parent ? 1 + depthOf(parent, spans) : 0;
}

async function startProvider({ weir: at }: TestWeir, tracesUrl: string): Promise<AsyncDisposable> {
  const script = fileURLToPath(new URL('./traced-provider.ts', import.meta.url));
  const child = spawn(process.execPath, [script, at.url, at.key, tracesUrl], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit');
      child.stdin.end();
      await exited;
    },
  };
}
