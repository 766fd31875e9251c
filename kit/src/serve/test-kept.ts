import type { IncomingMessage } from 'node:http';
import { Agent, request as httpRequest } from 'node:http';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { callerKey } from '../caller.ts';
import { createMetrics } from '../metrics.ts';
import type { Entrance, Visit } from './entrance.ts';
import type { HttpRequest, HttpResponse } from './http.ts';
import { serve } from './serve.ts';
import { silentLog } from './test-server.ts';

// The process of nothing-kept.test.ts: tells how many bytes are left of each call that has ended.

const CALLS_PER_ROUND = 64;
const ROUNDS = 8;
const call = { method: RouterService.method.fetchContext };
const [, , way] = process.argv;
const collect = (globalThis as { gc?: (how?: { type: 'minor' }) => void }).gc as (how?: {
  type: 'minor';
}) => void;

async function* one(): AsyncGenerator<number> {
  yield 1;
}

async function visited(visit: Visit): Promise<void> {
  if (way === 'call') await visit.call(call, async () => 1);
  else for await (const _ of visit.stream(call, one));
}

function answer(request: HttpRequest, response: HttpResponse, entrance: Entrance): boolean {
  Object.assign(request, { ballast: new Array(2_500).fill(0) });
  const end = () => (response as { end(): void }).end();
  request.resume();
  if (way === 'plain') request.once('end', end);
  else {
    const begin = (visit: Visit) => visited(visit).then(end);
    entrance.enter(request, response, { protocol: 'test', lasting: false, begin, refuse: end });
  }
  return true;
}

const metrics = createMetrics('test');
const server = await serve({
  ...{ host: '127.0.0.1', port: 0, services: [RouterService], log: silentLog(), metrics },
  gate: ({ values }) => void values.set(callerKey, { tenant: 'acme' } as never),
  routes() {},
  handle: answer,
});
const agent = new Agent({ keepAlive: true, maxSockets: 8 });
const ask = () =>
  new Promise<void>((resolve, reject) => {
    const asked = httpRequest(server.url, { agent, method: 'POST' }, (response: IncomingMessage) =>
      response.resume().once('end', resolve),
    );
    asked.once('error', reject).end('0123456789');
  });
const round = async () => {
  for (let calls = 0; calls < CALLS_PER_ROUND; calls += 8) {
    await Promise.all(Array.from({ length: 8 }, ask));
  }
  collect({ type: 'minor' });
  collect({ type: 'minor' });
};

await round();
// All that lasts is old from now on.
collect();
collect();
await round();
const before = process.memoryUsage().heapUsed;
for (let rounds = 0; rounds < ROUNDS; rounds++) await round();
const kept = process.memoryUsage().heapUsed - before;
process.send?.(kept / (ROUNDS * CALLS_PER_ROUND));
