import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../../trials/src/parts/quantile.ts';
import type { LoadResult, LoadSpec } from './spec.ts';

// A process of its own, so that what it measures is not its own delay.

const REVISION = '2025-11-25';
const START_DELAY_MS = 100;
const SETTLE_MS = 10_000;
const CALL_TIMEOUT_MS = 10_000;
const FAULT_CHARS = 300;

if (process.send) {
  process.once('message', (spec: LoadSpec) => {
    void run(spec).then((result) => process.send?.(result, () => process.disconnect()));
  });
}

/** Runs a load from a process of its own. */
export async function runLoad(spec: LoadSpec, signal: AbortSignal): Promise<LoadResult> {
  const child = fork(import.meta.filename, { signal });
  child.on('error', () => {});
  child.send(spec);
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the load ended with ${code}`);
  });
  const [result] = await Promise.race([once(child, 'message', { signal }), ended]);
  return result as LoadResult;
}

/** Posts a message to a server in the session of `headers`. */
type Post = (body: string, more?: Readonly<Record<string, string>>) => Promise<Answer>;

interface Answer {
  readonly status: number;
  readonly session: string;
  readonly text: string;
}

async function run(spec: LoadSpec): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: spec.connections, scheduling: 'fifo' });
  const post: Post = (body, more = {}) => send(agent, spec, { body, more });
  const session = await beginSession(post);
  const rest = JSON.stringify(spec.request).slice(1);
  let calls = 0;
  // Gateways tell the calls of a session apart by their ids alone.
  const nextBody = () => `{"jsonrpc":"2.0","id":${++calls},${rest.replace('#', `${calls}`)}`;
  const inSession = { 'mcp-session-id': session, 'mcp-protocol-version': REVISION };
  const tookMs: number[] = [];
  const lateMs: number[] = [];
  let fault: string | undefined;
  let open = 0;
  const call = async (dueMs: number) => {
    open += 1;
    try {
      const { status, text } = await post(nextBody(), inSession);
      if (status === 200 && text.includes(spec.marker)) tookMs.push(performance.now() - dueMs);
      else fault ??= `${status} ${text.slice(0, FAULT_CHARS)}`;
    } catch (error) {
      fault ??= String(error);
    }
    open -= 1;
  };
  const cpu = process.cpuUsage();
  const startMs = performance.now() + START_DELAY_MS;
  const endMs = startMs + spec.durationMs;
  await sleep(START_DELAY_MS);
  if (spec.load.kind === 'rate') {
    const { perSecond } = spec.load;
    for (let begun = 0, dueMs = startMs; dueMs < endMs; await sleep(1)) {
      for (const nowMs = performance.now(); dueMs <= nowMs && dueMs < endMs; ) {
        lateMs.push(nowMs - dueMs);
        void call(dueMs);
        begun += 1;
        dueMs = startMs + (begun * 1000) / perSecond;
      }
    }
  } else {
    const keepOn = async () => {
      while (performance.now() < endMs) await call(performance.now());
    };
    await Promise.all(Array.from({ length: spec.load.calls }, keepOn));
  }
  for (const lastMs = performance.now() + SETTLE_MS; open > 0 && performance.now() < lastMs; ) {
    await sleep(1);
  }
  const seconds = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  agent.destroy();
  if (open > 0) fault ??= `${open} calls had no answer`;
  return {
    callsPerSecond: tookMs.length / seconds,
    p50Ms: quantile(tookMs, 0.5),
    p99Ms: quantile(tookMs, 0.99),
    cpu: (user + system) / 1e6 / seconds,
    lateMs: quantile(lateMs, 0.99),
    fault,
  };
}

async function beginSession(post: Post): Promise<string> {
  const clientInfo = { name: 'bench', version: '1.0.0' };
  const params = { protocolVersion: REVISION, capabilities: {}, clientInfo };
  const begun = await post(JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params }));
  if (begun.status !== 200) throw new Error(`no session: ${begun.status} ${begun.text}`);
  await post(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }), {
    'mcp-session-id': begun.session,
  });
  return begun.session;
}

function send(
  agent: Agent,
  { url, headers }: Pick<LoadSpec, 'url' | 'headers'>,
  { body, more }: { readonly body: string; readonly more: Readonly<Record<string, string>> },
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const types = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'content-length': String(Buffer.byteLength(body)),
  };
  const request = httpRequest(
    url,
    { agent, method: 'POST', headers: { ...types, ...headers, ...more } },
    (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          session: String(response.headers['mcp-session-id'] ?? ''),
          text: Buffer.concat(chunks).toString(),
        }),
      );
    },
  );
  request.setTimeout(CALL_TIMEOUT_MS, () => request.destroy(new Error('no answer in time')));
  request.on('error', reject);
  request.end(body);
  return promise;
}
