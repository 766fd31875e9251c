import { reasonName, reasonOf } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestRegistry, type TestRegistry } from './test-registry.ts';

let registry: TestRegistry;
beforeAll(async () => {
  registry = await openTestRegistry();
});
afterAll(() => registry[Symbol.asyncDispose]());

const refused = reasonName(Reason.SCOPE_MISSING);

const outcomeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'done',
    (error: unknown) => reasonName(reasonOf(error) ?? Reason.UNSPECIFIED),
  );

test('a key that may only fetch one type reads nothing else of the catalogue', async () => {
  const scopes = [Scope.READ];
  const outcomes = async (permits: string[]) => {
    const { registry: client } = registry.as({ scopes, permits });
    return await Promise.all(
      [
        client.getType({ name: 'DocChunk' }),
        client.getType({ name: 'Metric' }),
        client.listTypes({}),
        client.listProviders({}),
        client.listConsumers({}),
      ].map(outcomeOf),
    );
  };
  expect(await outcomes(['fetch:DocChunk'])).toEqual(['done', ...Array(4).fill(refused)]);
  expect(await outcomes(['list:*'])).toEqual(Array(5).fill('done'));
  expect(await outcomes([])).toEqual(Array(5).fill('done'));
  const { registry: client } = registry.as({ scopes, permits: ['fetch:DocChunk'] });
  const calls = [client.getProvider({ name: 'docs' }), client.getConsumer({ name: 'bot' })];
  expect(await Promise.all(calls.map(outcomeOf))).toEqual([refused, refused]);
});

test('a key with permits gives no more than it has', async () => {
  const own = { scopes: [Scope.READ, Scope.ADMIN], permits: ['fetch:DocChunk', 'list:*'] };
  const { admin } = registry.as(own);
  const create = (permits: string[], scopes: Scope[] = [Scope.READ]) =>
    outcomeOf(admin.createKey({ principal: 'bot', scopes, permits }));
  expect(await create([])).toBe(refused);
  expect(await create(['fetch:*'])).toBe(refused);
  expect(await create(['*:DocChunk'])).toBe(refused);
  expect(await create(['fetch:DocChunk', 'fetch:Metric'])).toBe(refused);
  expect(await create(['fetch:DocChunk', 'list:Metric'])).toBe('done');
  expect(await create([], [Scope.ADMIN])).toBe('done');
  const issuer = { name: 'sso', url: 'https://login.example.org', audiences: ['weir'] };
  expect(await outcomeOf(admin.putIssuer({ issuer }))).toBe(refused);
});
