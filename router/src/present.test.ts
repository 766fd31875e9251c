import { toBinary } from '@bufbuild/protobuf';
import { CacheStatus, ItemResultSchema } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { expect, test } from 'vitest';
import { refused } from './outcome.ts';
import { presentItem, withinBudget } from './present.ts';

test('refusals count in the response budget as items do', () => {
  const text = 'x'.repeat(100_000);
  const outcomes = Array.from({ length: 256 }, () => ({
    ...refused(Reason.PROVIDER_FAILED, text),
    cache: CacheStatus.MISS,
  }));
  const results = withinBudget(outcomes).map(presentItem);
  const bytes = results.reduce((sum, r) => sum + toBinary(ItemResultSchema, r).length + 5, 0);
  expect(bytes).toBeLessThan(4 * 1024 * 1024);
  const reasons = results.map(({ outcome }) => outcome.case === 'refusal' && outcome.value.reason);
  expect(reasons[0]).toBe(Reason.PROVIDER_FAILED);
  expect(reasons.at(-1)).toBe(Reason.RESPONSE_BUDGET);
});
