import { expect, it } from 'vitest';
import { createLogger } from './log.ts';
import { createMetrics } from './metrics.ts';
import { openOperations } from './ops.ts';

it('tells whether it is alive, ready, and what it measures', async () => {
  const metrics = createMetrics('test');
  const log = createLogger({ name: 'test', level: 'silent' });
  let why: string | undefined = 'no snapshot yet';
  const options = { host: '127.0.0.1', port: 0, ready: () => why, metrics, log };
  await using ops = await openOperations(options);
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${ops.port}${path}`, { method });
    return `${response.status} ${await response.text()}`.trim();
  };
  expect(await get('/healthz')).toBe('200 ok');
  expect(await get('/readyz')).toBe('503 not ready: no snapshot yet');
  why = undefined;
  expect(await get('/readyz?x=1')).toBe('200 ready');
  expect(await get('/readyz', 'POST')).toBe('405 use GET');
  expect(await get('/else')).toContain('404');

  metrics.recordCall('weir.router.v1.RouterService/FetchContext', 'OK', 0.0042);
  metrics.meter.createCounter('weir_items_total').add(3, { outcome: 'hit' });
  const text = await get('/metrics');
  expect(text).toContain('weir_ready{service="test"} 1');
  expect(text).toContain('weir_items_total{outcome="hit",service="test"} 3');
  expect(text).toMatch(/^nodejs_heap_used_bytes\{service="test"\} \d+$/m);
  expect(text).toMatch(/^nodejs_event_loop_delay_seconds\{stat="p99",service="test"\} /m);
  const labels = 'method="weir.router.v1.RouterService/FetchContext",code="OK",service="test"';
  expect(text).toContain(`rpc_server_duration_seconds_bucket{${labels},le="0.005"} 1`);
  expect(text).toContain(`rpc_server_duration_seconds_bucket{${labels},le="0.0025"} 0`);
  await metrics.shutdown();
});

it('says that its port is taken', async () => {
  const metrics = createMetrics('test');
  const log = createLogger({ name: 'test', level: 'silent' });
  const options = { host: '127.0.0.1', port: 0, ready: () => undefined, metrics, log };
  await using ops = await openOperations(options);
  await expect(openOperations({ ...options, port: ops.port })).rejects.toThrow(
    /is in use by another process/,
  );
  await metrics.shutdown();
});
