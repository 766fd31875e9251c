import { expect, test } from 'vitest';
import { shareFor } from './share.ts';

const never = new AbortController().signal;

test('one answer is shared until it is too old', async () => {
  let nowMs = 0;
  let loads = 0;
  const ask = shareFor(
    1_000,
    async () => {
      loads += 1;
      return loads;
    },
    () => nowMs,
  );
  expect(await Promise.all([ask(never), ask(never)])).toEqual([1, 1]);
  nowMs = 999;
  expect(await ask(never)).toBe(1);
  nowMs = 1_000;
  expect(await ask(never)).toBe(2);
});

test('a failure is shared too, and then tried again', async () => {
  let nowMs = 0;
  let loads = 0;
  const ask = shareFor(
    1_000,
    async () => {
      loads += 1;
      throw new Error(`failure ${loads}`);
    },
    () => nowMs,
  );
  await expect(ask(never)).rejects.toThrow('failure 1');
  await expect(ask(never)).rejects.toThrow('failure 1');
  nowMs = 1_000;
  await expect(ask(never)).rejects.toThrow('failure 2');
});

test('whoever stops waiting does not stop the others', async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const ask = shareFor(1_000, () => promise);
  const leaving = new AbortController();
  const left = ask(leaving.signal);
  const stayed = ask(never);
  leaving.abort(new Error('gone'));
  await expect(left).rejects.toThrow('gone');
  resolve('here');
  expect(await stayed).toBe('here');
});
