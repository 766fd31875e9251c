import { expect, it } from 'vitest';
import { CallCost } from './call-cost.ts';

function open() {
  let nowMs = 0;
  let busyMs = 0;
  // As systems tell it.
  const clock = { nowMs: () => nowMs, busyMs: () => Math.floor(busyMs / 4) * 4 };
  const cost = new CallCost(clock, 1);
  return {
    cost,
    calls(count: number, of: { readonly workMs: number; readonly idleMs?: number }) {
      for (let call = 0; call < count; call++) {
        busyMs += of.workMs;
        nowMs += of.workMs + (of.idleMs ?? 0);
        cost.over();
      }
    },
    wait(workMs: number) {
      busyMs += workMs;
      nowMs += workMs;
    },
  };
}

it('learns what calls cost, by a clock that goes in steps', () => {
  const { cost, calls } = open();
  calls(10_000, { workMs: 0.2 });
  expect(cost.ms).toBeCloseTo(0.2, 1);
  calls(2_000, { workMs: 3 });
  expect(cost.ms).toBeCloseTo(3, 1);
});

it('has a collection count as what it takes of all calls', () => {
  const { cost, calls, wait } = open();
  calls(10_000, { workMs: 0.2 });
  calls(200, { workMs: 0.2 });
  wait(60);
  calls(312, { workMs: 0.2 });
  expect(cost.ms).toBeLessThan(0.3);
});

it('learns nothing of a thread that does more of other things than of calls', () => {
  const { cost, calls } = open();
  calls(1_000, { workMs: 20, idleMs: 980 });
  expect(cost.ms).toBe(1);
});

it('learns nothing of what it was to forget', () => {
  const { cost, calls, wait } = open();
  calls(10_000, { workMs: 0.2 });
  const { ms } = cost;
  wait(10_000);
  cost.beginAnew();
  calls(512, { workMs: 0.2 });
  expect(cost.ms).toBeCloseTo(ms, 1);
});
