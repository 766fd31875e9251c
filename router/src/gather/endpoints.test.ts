import { create } from '@bufbuild/protobuf';
import {
  EndpointHealth,
  EndpointSchema,
  ProviderSchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { expect, test } from 'vitest';
import { createTestClock } from '../../test/answering.ts';
import { compileCatalogue } from '../snapshot/catalogue.ts';
import { createEndpointChooser } from './endpoints.ts';

function providerWith(weights: Record<string, number>) {
  const endpoints = Object.entries(weights).map(([id, weight]) =>
    create(EndpointSchema, { id, weight, health: EndpointHealth.UP }),
  );
  const contexts = [{ type: 'DocChunk', version: '1.0.0' }];
  const provider = create(ProviderSchema, {
    manifest: { name: 'docs', version: '1.0.0', contexts },
  });
  const [offer] = compileCatalogue([{ provider, endpoints }]).offers.get('DocChunk') ?? [];
  if (!offer) throw new Error('the provider offers a type');
  return offer.provider;
}

test('calls are shared by weight, evenly spread', () => {
  const chooser = createEndpointChooser(createTestClock());
  const provider = providerWith({ a: 300, b: 100 });
  const chosen = Array.from({ length: 8 }, () => chooser.choose(provider)?.id).join('');
  expect(chosen).toBe('aabaaaba');
});

test('an endpoint that could not be reached is left alone for a second', () => {
  const clock = createTestClock();
  const chooser = createEndpointChooser(clock);
  const provider = providerWith({ a: 100, b: 100 });
  const first = chooser.choose(provider);
  if (!first) throw new Error('there are two');
  chooser.unreachable(first);
  const next = Array.from({ length: 4 }, () => chooser.choose(provider)?.id);
  expect(new Set(next)).toEqual(new Set(['b']));
  clock.advance(1_001);
  const later = Array.from({ length: 4 }, () => chooser.choose(provider)?.id);
  expect(new Set(later)).toEqual(new Set(['a', 'b']));
  expect(chooser.choose(providerWith({ a: 100 }), first)).toBeUndefined();
});
