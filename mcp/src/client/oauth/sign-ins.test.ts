import { expect, test, vi } from 'vitest';
import { createSignIns, type NewSignIn, newSecret, signInForMs, signInsMax } from './sign-ins.ts';

const signIn = (holder: string, more: Partial<NewSignIn> = {}): NewSignIn => ({
  ...{ holder, wanted: 'read', page: new URL('https://issuer.example/authorize') },
  ...{ state: newSecret(), title: 'crm', who: holder, finish: async () => {} },
  ...more,
});
const idOf = (address: string) => address.split('/').at(-1) ?? '';

test('one is under way for each holder, and its state is good once', () => {
  const signIns = createSignIns('https://weir.example/sign-in/');
  const first = signIns.begin(signIn('ada', { state: 'a' }));
  const second = signIns.begin(signIn('ada', { state: 'b' }));
  expect(signIns.find(idOf(first))).toBeUndefined();
  expect(signIns.pending('ada', 'read')).toBe(second);
  expect(signIns.pending('ada', 'read write')).toBeUndefined();
  expect(signIns.take('a')).toBeUndefined();
  expect(signIns.take('b')?.holder).toBe('ada');
  expect(signIns.take('b')).toBeUndefined();
});

test('it is over after a while, and is not given out when that is near', () => {
  vi.useFakeTimers();
  try {
    const signIns = createSignIns('https://weir.example/sign-in/');
    const address = signIns.begin(signIn('ada'));
    vi.advanceTimersByTime(signInForMs - 30_000);
    expect(signIns.pending('ada', 'read')).toBeUndefined();
    expect(signIns.find(idOf(address))).toBeDefined();
    vi.advanceTimersByTime(30_000);
    expect(signIns.find(idOf(address))).toBeUndefined();
  } finally {
    vi.useRealTimers();
  }
});

test('there are only so many', () => {
  const signIns = createSignIns('https://weir.example/sign-in/');
  for (let i = 0; i < signInsMax; i++) signIns.begin(signIn(`user-${i}`));
  expect(() => signIns.begin(signIn('one-more'))).toThrow('1000 sign-ins are under way');
  signIns.drop((holder) => holder === 'user-7');
  signIns.begin(signIn('one-more'));
});
