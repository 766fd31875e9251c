import { expect, it, vi } from 'vitest';
import { createLastingController } from './lasting-signal.ts';

it('tells those who listen of the abort, once, with the signal as theirs', () => {
  const { signal, abort } = open();
  const told: unknown[] = [];
  function listener(this: unknown) {
    told.push(this);
  }
  const object = { handleEvent: vi.fn() };
  signal.addEventListener('abort', listener);
  signal.addEventListener('abort', listener, { once: true });
  signal.addEventListener('abort', object);
  abort('over');
  abort('again');
  expect(told).toEqual([signal]);
  expect(object.handleEvent).toHaveBeenCalledOnce();
  expect([signal.aborted, signal.reason]).toEqual([true, 'over']);
});

it('tells nobody who listens no more, nor who comes too late', () => {
  const { signal, abort } = open();
  const [early, within, late] = [vi.fn(), vi.fn(), vi.fn()];
  signal.addEventListener('abort', early);
  signal.removeEventListener('abort', early);
  signal.addEventListener('abort', () => signal.removeEventListener('abort', within));
  signal.addEventListener('abort', within);
  abort('over');
  signal.addEventListener('abort', late);
  for (const listener of [early, within, late]) expect(listener).not.toHaveBeenCalled();
});

it('is a signal for others', async () => {
  const { signal, abort } = open();
  const either = AbortSignal.any([signal, new AbortController().signal]);
  abort('over');
  expect(either.reason).toBe('over');
  expect(() => signal.throwIfAborted()).toThrow('over');
});

function open() {
  const controller = createLastingController();
  return { signal: controller.signal, abort: (reason: string) => controller.abort(reason) };
}
