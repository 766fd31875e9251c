import { reasonOf } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { expect, test } from 'vitest';
import { createSlots } from './slots.ts';

const refusalOf = (take: () => Disposable) => {
  try {
    take()[Symbol.dispose]();
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
};

test('a tenant has one long reading under way, and all together four', () => {
  const slots = createSlots();
  const first = slots.take('a');
  expect(refusalOf(() => slots.take('a'))).toBe(Reason.OVERLOADED);
  const others = ['b', 'c', 'd'].map((tenant) => slots.take(tenant));
  expect(refusalOf(() => slots.take('e'))).toBe(Reason.OVERLOADED);
  first[Symbol.dispose]();
  expect(refusalOf(() => slots.take('e'))).toBeUndefined();
  for (const one of others) one[Symbol.dispose]();
  expect(refusalOf(() => slots.take('a'))).toBeUndefined();
});
