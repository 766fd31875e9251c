import {
  createLogger,
  createOutboundFetch,
  createOutboundGuard,
  reasonOf,
  systemClock,
} from '@weir/kit';
import { newKey, openOpenIdProvider, resource } from '@weir/kit/testing/openid-provider';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { expect, it, vi } from 'vitest';
import { createEntries } from '../../test/entries.ts';
import { createSnapshotHolder } from '../snapshot/holder.ts';
import { applyEntries, emptySnapshot } from '../snapshot/snapshot.ts';
import { askAgainMs, createKeySets, refreshMs } from './key-sets.ts';
import { createTokens } from './tokens.ts';

const log = createLogger({ name: 'test', level: 'silent' });
it('tokens of a real provider let agents in, through a rotation of its keys', async () => {
  await using provider = await openOpenIdProvider();
  const [first, second] = [await newKey('first'), await newKey('second')];
  provider.use(first);
  let aheadMs = 0;
  const clock = { ...systemClock, monotonicMs: () => performance.now() + aheadMs };
  const fetch = createOutboundFetch(createOutboundGuard({ allow: ['loopback'], log }));
  const holder = createSnapshotHolder(clock);
  const issuer = { name: 'sso', url: provider.url, audiences: [resource] };
  const entry = createEntries().issuer({ ...issuer, principalClaim: 'client_id' });
  holder.replace(applyEntries(emptySnapshot, [entry], { epoch: 'e', revision: 1n }), 0);
  const tokens = createTokens({ holder, clock, keySets: createKeySets({ fetch, clock, log }) });
  const callerOf = async (text: string) =>
    tokens.callerOf(text, { address: '127.0.0.1', certificate: undefined });

  const reading = await provider.token('weir:read');
  expect(await callerOf(reading)).toMatchObject({
    principal: 'agent',
    scopes: new Set([Scope.READ]),
    permits: [],
  });
  expect(await callerOf(await provider.token('weir:fetch:DocChunk'))).toMatchObject({
    permits: ['fetch:DocChunk'],
  });

  // The new key is published before it signs, the old one for as long as its tokens live.
  provider.use(second, first);
  aheadMs += askAgainMs;
  expect(await callerOf(await provider.token('weir:read'))).toMatchObject({ principal: 'agent' });
  expect(await callerOf(reading)).toMatchObject({ principal: 'agent' });

  // The old one is gone, and with it what it signs, once its keys are got anew.
  provider.use(first);
  const late = await Promise.all(Array.from({ length: 50 }, () => provider.token('weir:read')));
  provider.use(second);
  aheadMs += refreshMs;
  await vi.waitFor(async () => {
    const refusal = await callerOf(late.pop() ?? '').catch((error: unknown) => error);
    expect(reasonOf(refusal)).toBe(Reason.CREDENTIAL_INVALID);
  });
  expect(late.length).toBeGreaterThan(0);
  expect(await callerOf(await provider.token('weir:read'))).toMatchObject({ principal: 'agent' });
});
