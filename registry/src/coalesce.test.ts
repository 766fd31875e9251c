import { expect, test } from 'vitest';
import { inLine } from './coalesce.ts';

test('whoever calls has a run after the call, however soon after another run that is', async () => {
  for (let microtasks = 0; microtasks < 12; microtasks++) {
    let asked = 1;
    let seen = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const run = inLine(async () => {
      seen = asked;
      resolve();
    });
    void run();
    await promise;
    for (let hop = 0; hop < microtasks; hop++) await Promise.resolve();
    asked = 2;
    await run();
    expect([microtasks, seen]).toEqual([microtasks, 2]);
  }
});
