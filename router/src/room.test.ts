import { expect, test } from 'vitest';
import { createRoom } from './room.ts';

test('one owner has half of the room, and gives back what it took', () => {
  const room = createRoom(100);
  expect([room.take('a', 50), room.take('a', 1)]).toEqual([true, false]);
  expect([room.take('b', 40), room.take('c', 20), room.take('c', 10)]).toEqual([true, false, true]);
  room.give('a', 50);
  expect(room.take('c', 40)).toBe(true);
  expect(room.take('a', 20)).toBe(false);
});
