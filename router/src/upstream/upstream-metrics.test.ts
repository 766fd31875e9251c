import { createMetrics } from '@weir/kit';
import { expect, test } from 'vitest';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import { MAX_PROVIDERS_TOLD, observeUpstream } from './upstream-metrics.ts';

function versionOf(name: string, tenant = 'acme', version = '1.0.0'): ProviderVersion {
  return { tenant, name, version } as ProviderVersion;
}

test('counts what becomes of calls by provider', async () => {
  const metrics = createMetrics('test');
  const observer = observeUpstream(metrics, () => true);
  const docs = versionOf('docs');
  observer.call(docs, 'ok', 4);
  observer.call(docs, 'ok', 4);
  observer.call(docs, 'failed', 40);
  observer.retry(docs);
  observer.hedge(docs);
  observer.ejected(docs, 1000);
  observer.busy(docs);
  const text = await metrics.text();
  const labels = 'tenant="acme",provider="docs"';
  expect(text).toContain(`weir_upstream_calls_total{${labels},outcome="ok",service="test"} 2`);
  expect(text).toContain(`weir_upstream_calls_total{${labels},outcome="failed",service="test"} 1`);
  expect(text).toContain(`weir_upstream_duration_seconds_count{${labels},service="test"} 3`);
  for (const what of ['retries', 'hedges', 'ejections', 'busy']) {
    expect(text).toContain(`weir_upstream_${what}_total{${labels},service="test"} 1`);
  }
  await metrics.shutdown();
});

test('a thousand providers make no more series than a few dozen', async () => {
  const metrics = createMetrics('test');
  const observer = observeUpstream(metrics, () => true);
  for (let i = 0; i < 1_000; i++) {
    const hostile = versionOf(`p${i}"} 1\n`, `t${i}`);
    observer.call(hostile, 'failed', 1);
    observer.breakerState(hostile, 'open');
    observer.busy(hostile);
  }
  const lines = (await metrics.text()).split('\n');
  const of = (name: string) => lines.filter((line) => line.startsWith(`${name}{`));
  expect(of('weir_upstream_busy_total')).toHaveLength(MAX_PROVIDERS_TOLD + 1);
  expect(of('weir_upstream_duration_seconds_count')).toHaveLength(MAX_PROVIDERS_TOLD + 1);
  const others = 1_000 - MAX_PROVIDERS_TOLD;
  expect(lines).toContain(
    `weir_upstream_busy_total{tenant="other",provider="other",service="test"} ${others}`,
  );
  expect(lines).toContain(
    `weir_upstream_breakers{tenant="other",provider="other",state="open",service="test"} ${others}`,
  );
  await metrics.shutdown();
});

test('shows breakers that are not closed, of versions that are still there', async () => {
  const metrics = createMetrics('test');
  let registered = true;
  const observer = observeUpstream(metrics, () => registered);
  const shown = async () =>
    (await metrics.text())
      .split('\n')
      .filter((line) => line.startsWith('weir_upstream_breakers{tenant="acme"'))
      .map((line) => /state="([^"]*)".* (\d+)$/.exec(line)?.slice(1).join(' '));
  observer.breakerState(versionOf('docs', 'acme', '1.0.0'), 'open');
  observer.breakerState(versionOf('docs', 'acme', '2.0.0'), 'open');
  expect(await shown()).toEqual(['open 2']);
  observer.breakerState(versionOf('docs', 'acme', '2.0.0'), 'half-open');
  expect(await shown()).toEqual(['open 1', 'half-open 1']);
  observer.breakerState(versionOf('docs', 'acme', '2.0.0'), 'closed');
  expect(await shown()).toEqual(['open 1', 'half-open 0']);
  registered = false;
  expect(await shown()).toEqual(['open 0', 'half-open 0']);
  await metrics.shutdown();
});
