import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { systemClock } from '@weir/kit';
import { EndpointHealth } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import {
  type SnapshotEntry,
  type WatchSnapshotResponse,
  WatchSnapshotResponseSchema,
} from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { describe, expect, test } from 'vitest';
import { createEntries } from '../../test/entries.ts';
import { entryDigest } from './digest.ts';
import { loadSnapshot, saveSnapshot } from './disk.ts';
import { createReceiver } from './follower.ts';
import { createSnapshotHolder } from './holder.ts';
import { applyEntries, emptySnapshot } from './snapshot.ts';

const contexts = [{ type: 'DocChunk', version: '1.0.0' }];

function message(of: WatchSnapshotResponse['message'] | object): WatchSnapshotResponse {
  return create(WatchSnapshotResponseSchema, { message: of as never });
}

function digestOf(held: readonly SnapshotEntry[]): bigint {
  return held.reduce((digest, e) => digest ^ entryDigest(e.id, e.revision), 0n);
}

describe('a snapshot', () => {
  test('sees own providers and granted ones, and nothing of others', () => {
    const make = createEntries();
    const snapshot = applyEntries(
      emptySnapshot,
      [
        make.type('DocChunk'),
        make.provider({ name: 'own', version: '1.0.0', contexts }, 'acme'),
        make.provider({ name: 'shared', version: '1.0.0', contexts }, 'other'),
        make.provider({ name: 'hidden', version: '1.0.0', contexts }, 'other'),
        make.grant('other', 'shared', 'acme'),
      ],
      { epoch: 'e', revision: 9n },
    );
    const names = (tenant: string) =>
      snapshot.tenants
        .get(tenant)
        ?.catalogue.offers.get('DocChunk')
        ?.map((o) => o.provider.name);
    expect(names('acme')).toEqual(['own', 'shared']);
    expect(names('other')).toEqual(['hidden', 'shared']);

    const revoked = applyEntries(snapshot, [make.removed('grant/other/shared/acme')], {
      epoch: 'e',
      revision: 10n,
    });
    expect(
      revoked.tenants
        .get('acme')
        ?.catalogue.offers.get('DocChunk')
        ?.map((o) => o.provider.name),
    ).toEqual(['own']);
    expect(names('acme')).toEqual(['own', 'shared']);
  });

  test('ignores health when over half of the endpoints look dead', () => {
    const make = createEntries();
    const endpoint = (n: number, health: EndpointHealth) =>
      make.endpoint({ provider: 'docs', version: '1.0.0', url: `http://h${n}:1` }, health);
    const { UP, DOWN, DRAINING } = EndpointHealth;
    const usable = (...healths: EndpointHealth[]) => {
      const snapshot = applyEntries(
        emptySnapshot,
        [
          make.provider({ name: 'docs', version: '1.0.0', contexts }),
          ...healths.map((health, n) => endpoint(n, health)),
        ],
        { epoch: 'e', revision: 1n },
      );
      const [offer] = snapshot.tenants.get('acme')?.catalogue.offers.get('DocChunk') ?? [];
      return offer?.provider.usable.map((e) => e.id);
    };
    expect(usable(UP, DOWN)).toEqual(['http://h0:1']);
    expect(usable(UP, DOWN, DOWN)).toEqual(['http://h0:1', 'http://h1:1', 'http://h2:1']);
    expect(usable(UP, DRAINING, DRAINING)).toEqual(['http://h0:1']);
  });

  test('comes back from disk as it was, and not at all when a byte is changed', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'weir-snapshot-')), 'snapshot.bin');
    const make = createEntries();
    const snapshot = applyEntries(
      emptySnapshot,
      [make.type('DocChunk'), make.provider({ name: 'docs', version: '1.0.0', contexts })],
      { epoch: 'e', revision: 7n },
    );
    expect(await loadSnapshot(path)).toBeUndefined();
    await saveSnapshot(path, snapshot);
    const loaded = await loadSnapshot(path);
    expect(loaded?.snapshot.digest).toBe(snapshot.digest);
    expect(loaded?.snapshot.revision).toBe(7n);
    expect(loaded?.snapshot.tenants.get('acme')?.catalogue.offers.size).toBe(1);

    const bytes = await readFile(path);
    bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
    await writeFile(path, bytes);
    expect(await loadSnapshot(path)).toBeUndefined();
  });
});

describe('following', () => {
  const make = createEntries();
  const type = make.type('DocChunk');
  const provider = make.provider({ name: 'docs', version: '1.0.0', contexts });

  function follow() {
    const holder = createSnapshotHolder(systemClock);
    const receive = createReceiver(holder);
    receive(message({ case: 'start', value: { epoch: 'e', revision: 5n } }));
    receive(message({ case: 'chunk', value: { entries: [type] } }));
    receive(message({ case: 'chunk', value: { entries: [provider] } }));
    return { holder, receive };
  }

  test('nothing is in force before the commit', () => {
    const { holder, receive } = follow();
    expect(holder.current.revision).toBe(0n);
    const digest = digestOf([type, provider]);
    expect(receive(message({ case: 'commit', value: { digest } }))).toBe('changed');
    expect(holder.current.revision).toBe(5n);
  });

  test('deltas are idempotent; a gap and a wrong digest are noticed', () => {
    const { holder, receive } = follow();
    receive(message({ case: 'commit', value: { digest: digestOf([type, provider]) } }));
    const metric = make.type('Metric');
    const value = {
      fromRevision: 5n,
      revision: 6n,
      entries: [metric],
      digest: digestOf([type, provider, metric]),
    };
    expect(receive(message({ case: 'delta', value }))).toBe('changed');
    expect(receive(message({ case: 'delta', value }))).toBe('confirmed');
    expect(holder.current.revision).toBe(6n);
    const gap = { ...value, fromRevision: 8n, revision: 9n };
    expect(() => receive(message({ case: 'delta', value: gap }))).toThrow(
      'changes between 6 and 8',
    );
    const wrong = { ...value, fromRevision: 6n, revision: 7n, digest: 1n };
    expect(() => receive(message({ case: 'delta', value: wrong }))).toThrow('digest');
    expect(holder.current.revision).toBe(6n);
  });
});
