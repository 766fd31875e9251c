import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createAdmission } from './admission.ts';

const limits = {
  callsAtWork: 1_000,
  burstCalls: 8,
  callsWaiting: 100,
  queueMs: 40,
  overloadedQueueMs: 10,
};

function open(more: Partial<typeof limits> = {}) {
  let nowMs = 0;
  let busyMs = 0;
  const clock = { nowMs: () => nowMs, busyMs: () => busyMs };
  const begun: number[] = [];
  const refused: number[] = [];
  const states: boolean[] = [];
  const left = new Set<number>();
  const slow = new Set<number>();
  const dear = new Set<number>();
  const observer = {
    begun: () => {},
    refused: () => {},
    overloaded: (yes: boolean) => states.push(yes),
  };
  const admission = createAdmission({ ...limits, ...more }, observer, clock);
  return {
    admission,
    begun,
    refused,
    states,
    left,
    slow,
    dear,
    arrive(...ids: number[]) {
      for (const id of ids) {
        admission.arrive({
          begin: (read) => {
            begun.push(id);
            if (!slow.has(id)) read();
          },
          refuse: () => refused.push(id),
          gone: () => left.has(id),
          dear: dear.has(id),
        });
      }
    },
    /** Time in which the thread is at work. */
    wait(ms: number) {
      nowMs += ms;
      busyMs += ms;
    },
    /** Time in which it is not. */
    stand(ms: number) {
      nowMs += ms;
    },
    async settle() {
      while (admission.waiting > 0) await turn();
    },
    /** Calls come one by one, and cost so much each. */
    async learn(callMs: number) {
      for (let left = Math.max(640, 640 / callMs); left > 0; left--) {
        const begin = (read: () => void) => {
          this.wait(callMs);
          read();
        };
        admission.arrive({ begin, refuse: () => {}, gone: () => false });
        admission.over();
        await turn();
      }
    },
    /** It is behind by too much, and more come than begin. */
    async overload() {
      await this.learn(3);
      for (let round = 1; states.length === 0; round++) {
        this.arrive(...range(1_000 * round, 1_000 * round + 60));
        this.wait(41);
        await turn();
        await turn();
      }
      await this.settle();
    },
  };
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

it('begins a few calls at once, and the others soon, in their order', async () => {
  const { arrive, begun, refused, settle } = open();
  arrive(...range(0, 50));
  expect(begun).toEqual(range(0, 16));
  await settle();
  expect(begun).toEqual(range(0, 50));
  expect(refused).toEqual([]);
});

it('lets a burst wait as long as it takes', async () => {
  const { arrive, wait, begun, settle } = open();
  arrive(...range(0, 24));
  wait(10_000);
  await settle();
  expect(begun).toEqual(range(0, 24));
});

it('refuses those who waited too long when more come than begin, and begins the newest first', async () => {
  const opened = open();
  const { arrive, wait, begun, refused, states, settle } = opened;
  await opened.learn(3);
  arrive(...range(0, 60));
  wait(41);
  // It may become less by itself.
  while (begun.length < 32) await turn();
  expect([begun, refused]).toEqual([range(0, 32), []]);
  arrive(...range(60, 120));
  wait(41);
  while (states.length === 0) await turn();
  // Those that were about to begin still do, in their order.
  const late = begun.length;
  expect(begun).toEqual(range(0, late));
  expect(refused).toEqual(range(late, 120));
  arrive(...range(120, 140));
  await settle();
  expect(begun.slice(late)).toEqual([...range(120, 136), 139, 138, 137, 136]);
});

it('lets those wait whom a pause has kept, for they become fewer', async () => {
  const { arrive, wait, admission, begun, refused, states } = open({ burstCalls: 2 });
  arrive(...range(0, 90));
  wait(41);
  while (admission.waiting > 0) {
    const { waiting } = admission;
    while (admission.waiting === waiting) await turn();
    wait(10);
  }
  expect([begun, refused, states]).toEqual([range(0, 90), [], []]);
});

it('takes what grew during pauses and is little work for no overload', async () => {
  const opened = open({ burstCalls: 2 });
  const { arrive, wait, begun, refused, states, settle } = opened;
  await opened.learn(0.2);
  for (const round of [0, 1, 2]) {
    arrive(...range(40 * round, 40 * round + 40));
    wait(41);
    await turn();
    await turn();
  }
  await settle();
  expect([begun, refused, states]).toEqual([range(0, 120), [], []]);
});

it('in an overload lets a burst wait, for a while', async () => {
  const opened = open();
  const { arrive, wait, begun, refused, settle } = opened;
  await opened.overload();
  const before = { begun: begun.length, refused: refused.length };
  arrive(...range(0, 24));
  wait(11);
  await settle();
  expect([begun.length - before.begun, refused.length - before.refused]).toEqual([24, 0]);
  arrive(...range(0, 24));
  wait(41);
  await settle();
  expect(refused.length).toBeGreaterThan(before.refused);
});

it('is calm again when no more come at once than a burst, even if some are refused', async () => {
  const opened = open({ callsAtWork: 1_000_000 });
  const { arrive, wait, refused, states, settle } = opened;
  await opened.overload();
  const before = refused.length;
  while (states.length < 2) {
    // 16 begin at once.
    arrive(...range(0, 20));
    wait(41);
    await settle();
    await sleep(20);
  }
  expect(refused.length).toBeGreaterThan(before);
  expect(states).toEqual([true, false]);
});

it('takes a thread that was kept from the processor for no overload', async () => {
  const { arrive, stand, begun, refused, settle } = open();
  arrive(...range(0, 60));
  stand(60_000);
  await settle();
  expect(begun).toEqual(range(0, 60));
  expect(refused).toEqual([]);
});

it('begins fewer in a turn when they take long', async () => {
  const { admission, wait } = open();
  const begunIn: number[] = [];
  let turnNow = 0;
  for (let i = 0; i < 6; i++) {
    const begin = () => {
      begunIn.push(turnNow);
      wait(5);
    };
    admission.arrive({ begin, refuse: () => {}, gone: () => false });
  }
  while (admission.waiting > 0) {
    await turn();
    turnNow += 1;
  }
  expect(new Set(begunIn).size).toBe(6);
});

it('refuses at once when the queue is full', async () => {
  const { arrive, refused, begun, settle } = open({ callsWaiting: 5 });
  arrive(...range(0, 24));
  expect(refused).toEqual([21, 22, 23]);
  await settle();
  expect(begun).toEqual(range(0, 21));
});

it('begins no more than may be at work; who waits for them too long is refused', async () => {
  const { admission, arrive, wait, begun, refused, settle } = open({ callsAtWork: 2 });
  arrive(1, 2, 3, 4);
  await turn();
  expect([begun, admission.atWork, admission.waiting]).toEqual([[1, 2], 2, 2]);
  admission.over();
  while (begun.length < 3) await turn();
  wait(41);
  await settle();
  expect(begun).toEqual([1, 2, 3]);
  expect(refused).toEqual([4]);
});

it('forgets callers who have left', async () => {
  const { arrive, left, begun, refused, settle } = open();
  arrive(...range(0, 20));
  left.add(17).add(19);
  await settle();
  expect(begun).toEqual([...range(0, 17), 18]);
  expect(refused).toEqual([]);
});

it('in an overload begins the oldest first when no more than a burst has come for a while', async () => {
  const opened = open();
  const { arrive, wait, stand, begun, settle } = opened;
  await opened.overload();
  const before = begun.length;
  arrive(...range(100, 120));
  await settle();
  expect(begun.slice(before)).toEqual([...range(100, 116), 119, 118, 117, 116]);
  stand(60);
  wait(1);
  await turn();
  arrive(...range(200, 220));
  await settle();
  expect(begun.slice(before + 20)).toEqual(range(200, 220));
});

it('is not calm as long as more come at once than a burst', async () => {
  const opened = open({ callsAtWork: 1_000_000 });
  await opened.overload();
  const end = performance.now() + 2_500;
  while (performance.now() < end) {
    opened.arrive(...range(0, 60));
    opened.wait(11);
    await opened.settle();
    await sleep(20);
  }
  expect(opened.states).toEqual([true]);
});

it('in an overload begins what costs most last, so that it is shed first', async () => {
  const opened = open();
  const { arrive, wait, begun, refused, dear, settle } = opened;
  await opened.overload();
  const before = begun.length;
  for (const id of range(120, 140)) dear.add(id);
  arrive(...range(100, 140));
  await settle();
  const newestFirst = [...range(116, 120).reverse(), ...range(120, 140).reverse()];
  expect(begun.slice(before)).toEqual([...range(100, 116), ...newestFirst]);

  arrive(...range(200, 216), ...range(120, 140), ...range(216, 220));
  wait(41);
  arrive(300);
  await settle();
  expect(refused.filter((id) => dear.has(id)).length).toBe(20);
});
