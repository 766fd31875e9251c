import { create } from '@bufbuild/protobuf';
import {
  type Endpoint,
  EndpointHealth,
  EndpointSchema,
  ProviderSchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { describe, expect, test } from 'vitest';
import { createTestClock } from '../../test/answering.ts';
import { compileCatalogue, type ProviderVersion } from '../snapshot/catalogue.ts';
import { createEndpointChooser, type EndpointChooser, type EndpointVerdict } from './endpoints.ts';

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

/** The endpoints chosen, each with the same verdict. */
function choices(
  chooser: EndpointChooser,
  provider: ProviderVersion,
  count: number,
  verdict: EndpointVerdict = 'answered',
): string {
  return Array.from({ length: count }, () => {
    const chosen = chooser.choose(provider);
    if (chosen) chooser.report(provider, chosen, verdict);
    return chosen?.id;
  }).join('');
}

function endpointOf(provider: ProviderVersion, id: string): Endpoint {
  const endpoint = provider.usable.find((one) => one.id === id);
  if (!endpoint) throw new Error(`there is no endpoint ${id}`);
  return endpoint;
}

describe('an endpoint that could not be reached', () => {
  test('is left alone for a second, then twice as long each time', () => {
    const clock = createTestClock();
    const chooser = createEndpointChooser(clock);
    const provider = providerWith({ a: 100, b: 100 });
    const a = endpointOf(provider, 'a');
    expect(chooser.report(provider, a, 'unreachable')).toBe(1_000);
    expect(choices(chooser, provider, 4)).toBe('bbbb');
    expect(chooser.leftAlone(provider)).toBe(1);
    clock.advance(1_001);
    expect(choices(chooser, provider, 4)).toContain('a');
    expect(chooser.report(provider, a, 'unreachable')).toBe(2_000);
    clock.advance(2_001);
    expect(chooser.report(provider, a, 'unreachable')).toBe(4_000);
    clock.advance(70_000);
    expect(chooser.report(provider, a, 'unreachable')).toBe(1_000);
  });

  test('is not a second choice', () => {
    const chooser = createEndpointChooser(createTestClock());
    const provider = providerWith({ a: 100, b: 100 });
    chooser.report(provider, endpointOf(provider, 'a'), 'unreachable');
    expect(chooser.choose(provider, new Set(['b']))).toBeUndefined();
  });

  test('is asked all the same when there is no other', () => {
    const chooser = createEndpointChooser(createTestClock());
    const provider = providerWith({ a: 100, b: 100 });
    for (const id of ['a', 'b']) {
      chooser.report(provider, endpointOf(provider, id), 'unreachable');
    }
    expect(new Set(choices(chooser, provider, 2, 'unreachable'))).toEqual(new Set('ab'));
  });
});

describe('an endpoint that fails', () => {
  test('is left alone after three failures in a row', () => {
    const chooser = createEndpointChooser(createTestClock());
    const provider = providerWith({ a: 100, b: 100 });
    const a = endpointOf(provider, 'a');
    for (const verdict of ['failed', 'failed', 'answered', 'failed', 'unseen', 'failed'] as const) {
      expect(chooser.report(provider, a, verdict)).toBe(0);
    }
    expect(chooser.report(provider, a, 'failed')).toBe(1_000);
    expect(choices(chooser, provider, 3)).toBe('bbb');
  });

  test.each([
    ['a', 0],
    ['ab', 1],
    ['abc', 1],
    ['abcd', 2],
  ])('of %s no more than half are left alone', (ids, most) => {
    const chooser = createEndpointChooser(createTestClock());
    const provider = providerWith(Object.fromEntries([...ids].map((id) => [id, 100])));
    choices(chooser, provider, 50, 'failed');
    expect(chooser.leftAlone(provider)).toBe(most);
  });

  test('returns on probation: one call at a time, and one failure is enough', () => {
    const clock = createTestClock();
    const chooser = createEndpointChooser(clock);
    const provider = providerWith({ a: 100, b: 100 });
    const a = endpointOf(provider, 'a');
    for (let i = 0; i < 3; i++) chooser.report(provider, a, 'failed');
    clock.advance(1_001);
    const underWay = Array.from({ length: 6 }, () => chooser.choose(provider)?.id).join('');
    expect(underWay.replaceAll('b', '')).toBe('a');
    expect(chooser.report(provider, a, 'failed')).toBe(2_000);
    clock.advance(2_001);
    expect(choices(chooser, provider, 4).replaceAll('b', '')).toBe('aa');
    const again = Array.from({ length: 4 }, () => chooser.choose(provider)?.id).join('');
    expect(again.replaceAll('b', '')).toBe('aa');
  });
});
