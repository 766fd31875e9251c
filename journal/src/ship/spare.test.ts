import { expect, test } from 'vitest';
import { whenSpare } from './spare.ts';

test('shipping waits while the process is busy, and goes on as soon as it is not', async () => {
  const shares = [1, 0.9, 0.2, 0];
  await whenSpare(new AbortController().signal, () => shares.shift() ?? 1);
  expect(shares).toEqual([0]);
});

test('who stops does not wait', async () => {
  const stop = new AbortController();
  let looks = 0;
  await whenSpare(stop.signal, () => {
    looks += 1;
    stop.abort();
    return 1;
  });
  expect(looks).toBe(1);
});

test('a loop that has nothing to do is not busy', async () => {
  await whenSpare(new AbortController().signal);
});
