import { create } from '@bufbuild/protobuf';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { ConsumerSchema, EndpointHealth } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { describe, expect, test } from 'vitest';
import { createEntries } from '../test/entries.ts';
import { planRef } from './plan.ts';
import { applyEntries, emptySnapshot, type Snapshot } from './snapshot/snapshot.ts';

const entries = createEntries();
const at = { epoch: 'e', revision: 1n };

function snapshotOf(...of: Parameters<typeof applyEntries>[1]): Snapshot {
  return applyEntries(emptySnapshot, [entries.type('DocChunk'), entries.type('Metric'), ...of], at);
}

function offering(
  name: string,
  version: string,
  context: { version?: string; keyPrefix?: string },
  more: { weight?: number; priority?: number } = {},
) {
  const contexts = [{ type: 'DocChunk', version: '1.0.0', ...context }];
  return entries.provider({ name, version, contexts, ...more });
}

function ref(key: string, more: { versionRange?: string; provider?: string; type?: string } = {}) {
  return { type: 'DocChunk', key, versionRange: '', provider: '', ...more };
}

const mayKnow = () => true;

function plan(snapshot: Snapshot, of: ReturnType<typeof ref>, pins: object[] = []) {
  const consumer = create(ConsumerSchema, { manifest: { name: 'c', pins: pins as never } });
  const made = planRef(of, { snapshot, tenant: 'acme', consumer, explain: true, mayKnow });
  const routes = made.routes.map((o) => `${o.provider.name} ${o.provider.version}`);
  return { ...made, names: routes };
}

describe('which providers are asked', () => {
  test('the longest key prefix first, then the higher priority, then the name', () => {
    const snapshot = snapshotOf(
      offering('b-any', '1.0.0', {}),
      offering('a-any', '1.0.0', {}),
      offering('important', '1.0.0', {}, { priority: 5 }),
      offering('guides', '1.0.0', { keyPrefix: 'guides/' }),
    );
    expect(plan(snapshot, ref('guides/start')).names).toEqual([
      'guides 1.0.0',
      'important 1.0.0',
      'a-any 1.0.0',
      'b-any 1.0.0',
    ]);
    expect(plan(snapshot, ref('other')).names).not.toContain('guides 1.0.0');
  });

  test('a ref that names its provider gets no other', () => {
    const snapshot = snapshotOf(offering('a', '1.0.0', {}), offering('b', '1.0.0', {}));
    expect(plan(snapshot, ref('k', { provider: 'b' })).names).toEqual(['b 1.0.0']);
    const { refused } = plan(snapshot, ref('k', { provider: 'c' }));
    expect(refused?.refusal.reason).toBe(Reason.PROVIDER_UNKNOWN);
    expect(refused?.refusal.text).toContain('a, b');
  });

  test('an unknown type is told apart from a type that nobody offers', () => {
    const snapshot = snapshotOf();
    const unknown = plan(snapshot, ref('k', { type: 'Nothing' })).refused?.refusal;
    expect(unknown?.reason).toBe(Reason.TYPE_UNKNOWN);
    expect(unknown?.text).toContain('DocChunk, Metric');
    const idle = plan(snapshot, ref('k', { type: 'Metric' })).refused?.refusal;
    expect(idle?.reason).toBe(Reason.PROVIDER_UNKNOWN);
  });
});

describe('which version is asked', () => {
  const both = snapshotOf(
    offering('docs', '1.0.0', { version: '1.0.0' }, { weight: 90 }),
    offering('docs', '2.0.0', { version: '2.0.0' }, { weight: 10 }),
  );

  test('weights share the keys, and a key keeps its version', () => {
    const keys = Array.from({ length: 2_000 }, (_, i) => `key-${i}`);
    const chosen = keys.map((key) => plan(both, ref(key)).names[0]);
    const canary = chosen.filter((name) => name === 'docs 2.0.0').length;
    expect(canary).toBeGreaterThan(120);
    expect(canary).toBeLessThan(280);
    expect(keys.map((key) => plan(both, ref(key)).names[0])).toEqual(chosen);
  });

  test('a range takes what satisfies it, and a refusal names what is on offer', () => {
    expect(plan(both, ref('k', { versionRange: '^2' })).names).toEqual(['docs 2.0.0']);
    expect(plan(both, ref('k', { versionRange: '1.x' })).names).toEqual(['docs 1.0.0']);
    const { refused } = plan(both, ref('k', { versionRange: '^3' }));
    expect(refused?.refusal.reason).toBe(Reason.VERSION_NOT_OFFERED);
    expect(refused?.refusal.offeredVersions).toEqual(['2.0.0', '1.0.0']);
  });

  test('a consumer that pins gets its version, even one of weight 0', () => {
    const pinned = [{ target: { case: 'type', value: 'DocChunk' }, versionRange: '^1' }];
    expect(plan(both, ref('k'), pinned).names).toEqual(['docs 1.0.0']);
    const dark = snapshotOf(
      offering('docs', '1.0.0', {}),
      offering('docs', '2.0.0', {}, { weight: 0 }),
    );
    expect(plan(dark, ref('k')).names).toEqual(['docs 1.0.0']);
    const byProvider = [{ target: { case: 'provider', value: 'docs' }, versionRange: '2.0.0' }];
    expect(plan(dark, ref('k'), byProvider).names).toEqual(['docs 2.0.0']);
  });

  test('a pin holds also when only one version is there', () => {
    const byProvider = [{ target: { case: 'provider', value: 'docs' }, versionRange: '^2' }];
    const only = (version: string, weight: number) =>
      plan(snapshotOf(offering('docs', version, {}, { weight })), ref('k'), byProvider);
    expect(only('1.0.0', 100).names).toEqual([]);
    expect(only('1.0.0', 100).rejected[0]?.why).toContain('the consumer pins docs ^2');
    expect(only('2.0.0', 0).names).toEqual(['docs 2.0.0']);
  });

  test('a version without a living endpoint gives its keys to one that has some', () => {
    const snapshot = snapshotOf(
      offering('docs', '1.0.0', {}, { weight: 1 }),
      offering('docs', '2.0.0', {}, { weight: 1000 }),
      entries.endpoint(
        { provider: 'docs', version: '1.0.0', url: 'http://a:1' },
        EndpointHealth.UP,
      ),
      entries.endpoint(
        { provider: 'docs', version: '2.0.0', url: 'http://b:1' },
        EndpointHealth.DOWN,
      ),
    );
    const made = plan(snapshot, ref('k'));
    expect(made.names).toEqual(['docs 1.0.0']);
    expect(made.rejected.map((r) => r.why)).toContain('none of its endpoints is up');
  });
});
