import { create } from '@bufbuild/protobuf';
import { ListContextRequestSchema } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { expect, test } from 'vitest';
import { createEntries, everything, testCaller } from '../../test/entries.ts';
import { createAuthority } from '../authorise.ts';
import { applyEntries, emptySnapshot } from '../snapshot/snapshot.ts';
import { listSources } from './sources.ts';

const make = createEntries();
const offering = (version: string, weight: number) =>
  make.provider({
    name: 'docs',
    version,
    weight,
    contexts: [{ type: 'DocChunk', version: '1.0.0', listable: true }],
  });
const pins = [{ target: { case: 'provider' as const, value: 'docs' }, versionRange: '2.x' }];
const snapshot = applyEntries(
  emptySnapshot,
  [
    make.type('DocChunk'),
    make.policy(everything),
    offering('1.0.0', 90),
    offering('2.0.0', 0),
    make.consumer({ name: 'early', pins }),
  ],
  { epoch: 'e', revision: 1n },
);
const authority = createAuthority(snapshot, testCaller(), { purpose: '', nowMs: 0 });
const versions = (consumer: string) =>
  listSources(
    authority,
    { tenant: 'acme', consumer },
    create(ListContextRequestSchema, { type: 'DocChunk' }),
  ).map(({ provider }) => provider.version);

test('a list comes from the version that a fetch would be routed to', () => {
  expect(versions('')).toEqual(['1.0.0']);
  expect(versions('early')).toEqual(['2.0.0']);
});
