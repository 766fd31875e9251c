import { create } from '@bufbuild/protobuf';
import {
  EndpointHealth,
  EndpointSchema,
  type Provider,
  ProviderSchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { expect, test } from 'vitest';
import { compileCatalogue } from '../snapshot/catalogue.ts';
import { emptySnapshot, type Snapshot, type TenantView } from '../snapshot/snapshot.ts';
import { watchedIn } from './watched.ts';

const up = create(EndpointSchema, { id: 'e', health: EndpointHealth.UP });

function version(text: string, more: { tenant?: string; watch?: boolean; weight?: number } = {}) {
  const { tenant = 'acme', watch = true, weight = 100 } = more;
  const [name = '', at = ''] = text.split('@');
  const contexts = [
    { type: 'Page', version: '1.0.0' },
    { type: 'Note', version: '1.0.0' },
  ];
  const manifest = { name, version: at, watch, weight, contexts };
  return create(ProviderSchema, { tenant, manifest });
}

function snapshotOf(tenant: string, providers: readonly Provider[], endpoints = [up]): Snapshot {
  const registered = providers.map((provider) => ({ provider, endpoints }));
  const catalogue = compileCatalogue(registered);
  return { ...emptySnapshot, tenants: new Map([[tenant, { catalogue } as TenantView]]) };
}

const namesOf = (snapshot: Snapshot) =>
  [...watchedIn(snapshot)].map(([key, { version: at }]) => `${key}@${at}`);

test('of each provider the newest version is watched that says so and takes part', () => {
  const all = [
    version('docs@1.10.0'),
    version('docs@1.9.0'),
    version('docs@2.0.0', { weight: 0 }),
    version('docs@3.0.0', { watch: false }),
    version('wiki@1.0.0'),
    version('logs@1.0.0', { watch: false }),
  ];
  expect(namesOf(snapshotOf('acme', all)).sort()).toEqual(['acme/docs@1.10.0', 'acme/wiki@1.0.0']);
});

test('what is nowhere, or shared by another tenant, is not watched', () => {
  expect(namesOf(snapshotOf('acme', [version('docs@1.0.0')], []))).toEqual([]);
  expect(namesOf(snapshotOf('acme', [version('docs@1.0.0', { tenant: 'other' })]))).toEqual([]);
});
