import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { Code, createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { Health, HealthCheckResponse_ServingStatus } from '@weir/sdk/gen/health/v1/health_pb';
import { ProviderService } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { type FetchContextResponse, RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { describe, expect, test } from 'vitest';
import type { Pins, RunningSubject, Scenario } from '../model.ts';
import { scenarioOf } from '../scenarios.ts';
import { itemType, warmKey } from '../values.ts';
import { openProvider, subjects } from './index.ts';
import { launch } from './launch.ts';

const nobody: Pins = { subject: undefined, others: undefined };
const timeoutMs = 5_000;

/** What `use` makes of a server; the connection ends with it. */
async function over<T>(
  port: number,
  use: (transport: ReturnType<typeof createGrpcTransport>) => Promise<T>,
): Promise<T> {
  const baseUrl = `http://127.0.0.1:${port}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  try {
    return await use(createGrpcTransport({ baseUrl, sessionManager }));
  } finally {
    sessionManager.abort();
  }
}

function fetchFrom(port: number, { refs }: Scenario): Promise<FetchContextResponse> {
  const request = {
    refs: Array.from({ length: refs }, (_, index) => ({ type: itemType, key: warmKey(index) })),
  };
  return over(port, (transport) =>
    createClient(RouterService, transport).fetchContext(request, { timeoutMs }),
  );
}

function payloadSizes({ results }: FetchContextResponse): (number | undefined)[] {
  return results.map(({ outcome }) =>
    outcome.case === 'item' && outcome.value.body.case === 'payload'
      ? outcome.value.body.value.length
      : undefined,
  );
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const isOpen = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isOpen;
}

describe.each(['batch32-warm', 'passthrough-miss'] as const)('%s', (name) => {
  const scenario = scenarioOf(name);
  test.for(subjects)('$name', async (subject, { skip }) => {
    const why = subject.whyNot?.();
    if (why !== undefined) skip(why);
    const running = await subject.open(scenario, nobody);
    try {
      const wanted = Array.from({ length: scenario.refs }, () => scenario.valueBytes);
      const answers = [
        await fetchFrom(running.port, scenario),
        await fetchFrom(running.port, scenario),
      ];
      expect(answers.map(payloadSizes)).toEqual([wanted, wanted]);
      expect(running.pids.filter(isAlive)).toEqual(running.pids);
      expect(running.pids).toHaveLength(subject.name === 'nginx' ? 2 : 1);
      await expectGc(running, subject.name);
    } finally {
      await running[Symbol.asyncDispose]();
    }
    expect(running.pids.filter(isAlive)).toEqual([]);
    expect(await listens(running.port)).toBe(false);
  });
});

async function expectGc(running: RunningSubject, name: string): Promise<void> {
  const gc = await running.gc();
  if (name === 'nginx' || name === 'haproxy') {
    expect(gc).toBeUndefined();
    return;
  }
  expect(gc?.maxMs).toBeGreaterThanOrEqual(0);
  expect(gc?.totalMs).toBeGreaterThanOrEqual(gc?.maxMs ?? Number.NaN);
}

test('what is asked twice of the naive router is fetched once', async () => {
  const naive = subjects.find(({ name }) => name === 'naive-router');
  const scenario = scenarioOf('single-warm');
  await using running = await naive?.open(scenario, nobody);
  if (!running) throw new Error('there is no naive router');
  const sources = [
    await fetchFrom(running.port, scenario),
    await fetchFrom(running.port, scenario),
  ];
  expect(sources.map(({ results }) => results[0]?.cache)).toEqual([1, 2]);
});

test('the bare proxy says so when its upstream is gone', async () => {
  const scenario = scenarioOf('single-warm');
  const task = { ...scenario, ttlMs: 1_000 };
  const backend = await launch('node-http2', task, undefined);
  const upstream = `http://127.0.0.1:${backend.port}`;
  await using proxy = await launch('node-proxy', { ...task, upstream }, undefined);
  const call = () => fetchFrom(proxy.port, scenario);
  expect(payloadSizes(await call())).toEqual([scenario.valueBytes]);
  await backend[Symbol.asyncDispose]();
  await expect(call()).rejects.toMatchObject({ code: Code.Unavailable });
  await expect(call()).rejects.toMatchObject({ code: Code.Unavailable });
});

test('the provider answers as Weir asks', async () => {
  await using provider = await openProvider(1024, nobody, 5_000);
  await over(provider.port, async (transport) => {
    const health = await createClient(Health, transport).check({}, { timeoutMs });
    expect(health.status).toBe(HealthCheckResponse_ServingStatus.SERVING);
    const client = createClient(ProviderService, transport);
    const queries = [0, 1, 2].map((index) => ({ type: itemType, key: warmKey(index) }));
    const messages = await Array.fromAsync(client.fetch({ queries }, { timeoutMs }));
    expect(messages).toHaveLength(1);
    const contents = messages[0]?.results.map(({ index, outcome }) => {
      if (outcome.case !== 'content') throw new Error('there is no content');
      const { payload, contentType, etag, ttl } = outcome.value;
      const { key } = JSON.parse(Buffer.from(payload).toString()) as { key: string };
      return { index, key, bytes: payload.length, contentType, etag, seconds: ttl?.seconds };
    });
    expect(contents).toEqual(
      queries.map(({ key }, index) => ({
        ...{ index, key, bytes: 1024 },
        ...{ contentType: 'application/json', etag: '', seconds: 5n },
      })),
    );
    expect(await client.describe({})).toMatchObject({ name: 'bench', types: [{ type: itemType }] });
    await expect(client.list({}, { timeoutMs })).rejects.toMatchObject({
      code: Code.Unimplemented,
    });
  });
});

/** Opens a proxy, with what is behind it, and says whose processes these are. */
const runner = (entry: string, command: string) => `
  const { subjects } = await import(${JSON.stringify(entry)});
  const { scenarioOf } = await import(${JSON.stringify(new URL('../scenarios.ts', import.meta.url).href)});
  const subject = subjects.find(({ name }) => name === ${JSON.stringify(command)});
  const running = await subject.open(scenarioOf('passthrough-miss'), {});
  console.log(JSON.stringify({ pids: running.pids, port: running.port }));
`;

test.for(subjects)('$name ends when the runner is killed', async ({ name, whyNot }, { skip }) => {
  const why = whyNot?.();
  if (why !== undefined) skip(why);
  const script = runner(new URL('./index.ts', import.meta.url).href, name);
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const { pids, port } = JSON.parse(line) as { pids: number[]; port: number };
  expect(pids.filter(isAlive)).toEqual(pids);
  child.kill('SIGKILL');
  await expect.poll(() => pids.filter(isAlive), { timeout: timeoutMs }).toEqual([]);
  expect(await listens(port)).toBe(false);
});
