import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import type { UnaryRequest, UnaryResponse } from '@connectrpc/connect';
import { context, createContextKey, ROOT_CONTEXT, TraceFlags } from '@opentelemetry/api';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { type Clock, systemClock } from '../clock.ts';
import { readSettings } from '../settings.ts';
import { tracingSettings } from './settings.ts';
import { beginRoot, beginSpan, noSpan, passTrace, spanEvent } from './spans.ts';
import { openTracing, type Tracing, type TracingOptions } from './tracing.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const sampled = `00-${traceId}-b7ad6b7169203331-01`;
const unsampled = `00-${traceId}-b7ad6b7169203331-00`;

let toClose: Tracing | undefined;

afterEach(async () => {
  await toClose?.[Symbol.asyncDispose]();
  toClose = undefined;
});

async function open(options: Partial<TracingOptions> = {}): Promise<Tracing> {
  const url = 'http://127.0.0.1:9/v1/traces';
  const { log } = memoryLog();
  const given = { service: 'test', url, share: 0, clock: systemClock, log, ...options };
  toClose = await openTracing(given);
  return toClose as Tracing;
}

/** A log, and what was written to it. */
function memoryLog() {
  const texts: unknown[] = [];
  const to = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().trim().split('\n')) texts.push(JSON.parse(line).msg);
      done();
    },
  });
  return { log: pino(to), texts };
}

/** Begins the span of a call; says what it passes on. */
function call({ tracer }: Tracing, header: Record<string, string> = {}): Promise<string | null> {
  const root = beginRoot(tracer, 'call', { attributes: {}, header: new Headers(header) });
  const passed = root.run(passedOn);
  root.end();
  return passed;
}

/** The header with which a call that is made now goes out. */
async function passedOn(): Promise<string | null> {
  const header = new Headers();
  const sent = passTrace(async (request) => ({ header: request.header }) as UnaryResponse);
  await sent({ header } as UnaryRequest);
  return header.get('traceparent');
}

function isSampled(passed: string | null): boolean {
  return (Number.parseInt(passed?.slice(-2) ?? '0', 16) & TraceFlags.SAMPLED) !== 0;
}

it('without a URL there is nothing, not even an async context', async () => {
  expect(await open({ url: undefined })).toBeUndefined();
  const held = ROOT_CONTEXT.setValue(createContextKey('k'), 1);
  expect(context.with(held, () => context.active())).toBe(ROOT_CONTEXT);
  expect(beginSpan('part')).toBe(noSpan);
  expect(await passedOn()).toBeNull();
});

it('settings are read with their mends', () => {
  const read = (env: NodeJS.ProcessEnv) => readSettings(tracingSettings, env);
  expect(read({})).toEqual({ tracesUrl: undefined, tracesShare: 0.01, tracesCallerRate: 10 });
  expect(() => read({ WEIR_TRACES_URL: 'http://u:p@127.0.0.1/' })).toThrow('holds user info');
  for (const share of ['2', '-0.1', 'NaN', '1e-3', '1.5', '']) {
    const env = { WEIR_TRACES_SAMPLE: share };
    if (share === '') expect(read(env).tracesShare).toBe(0.01);
    else expect(() => read(env)).toThrow('WEIR_TRACES_SAMPLE is not a share');
  }
});

it('goes on with the trace of a caller, and takes nothing else for one', async () => {
  const tracing = await open();
  const passed = await call(tracing, { traceparent: sampled });
  expect(passed).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
  expect(passed).not.toBe(sampled);
  for (const traceparent of ['', 'x', `${sampled}-`, `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`]) {
    expect(await call(tracing, { traceparent })).not.toContain(traceId);
  }
});

it('traces a share of the calls that bring no trace', async () => {
  const tracing = await open({ share: 0.25 });
  let count = 0;
  for (let i = 0; i < 4_000; i++) if (isSampled(await call(tracing))) count++;
  // Within six standard deviations of 1,000.
  expect(count).toBeGreaterThan(835);
  expect(count).toBeLessThan(1_165);
});

it('callers cannot have more traced than so many a second', async () => {
  let nowMs = 0;
  const clock: Clock = { wallMs: () => nowMs, monotonicMs: () => nowMs };
  const tracing = await open({ callerRate: 10, share: 1, clock });
  const traced = async (header: string) => {
    let count = 0;
    for (let i = 0; i < 1_000; i++) {
      if (isSampled(await call(tracing, { traceparent: header }))) count++;
    }
    return count;
  };
  expect(await traced(sampled)).toBe(10);
  expect(await traced(sampled)).toBe(0);
  expect(await traced(unsampled)).toBe(0);
  nowMs += 500;
  expect(await traced(sampled)).toBe(5);
  nowMs += 3_600_000;
  expect(await traced(sampled)).toBe(10);
});

it('parts of a call that is not traced cost nothing', async () => {
  const { tracer } = await open();
  const root = beginRoot(tracer, 'call', { attributes: {}, header: new Headers() });
  root.run(() => {
    expect(beginSpan('part')).toBe(noSpan);
    spanEvent('nothing');
  });
  root.end();
});

it('says once that a collector is away, and once that it is back', async () => {
  const { url, server } = await collector(200);
  await closed(server);
  const { log, texts } = memoryLog();
  const tracing = await open({ url, log });
  for (let i = 0; i < 3; i++) {
    await call(tracing, { traceparent: sampled });
    await expect(tracing.flush()).rejects.toBeDefined();
  }
  const back = await collector(200, Number(new URL(url).port));
  for (let i = 0; i < 3; i++) {
    await call(tracing, { traceparent: sampled });
    await tracing.flush();
  }
  expect(texts).toEqual(['traces cannot be sent; going on without them', 'traces are sent again']);
  await closed(back.server);
}, 60_000);

it('a collector that never answers holds up neither calls nor the end', async () => {
  const { url, server } = await collector(undefined);
  const tracing = await open({ url });
  for (let i = 0; i < 5_000; i++) await call(tracing, { traceparent: sampled });
  await tracing[Symbol.asyncDispose]();
  await closed(server);
}, 60_000);

/** A server that answers with a status, or not at all. */
async function collector(
  status: number | undefined,
  port = 0,
): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    request.resume();
    if (status !== undefined) response.writeHead(status).end('{}');
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`, server };
}

async function closed(server: Server): Promise<void> {
  const over = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await over;
}
