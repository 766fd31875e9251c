import { create } from '@bufbuild/protobuf';
import { WatchResponseSchema } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { expect, test } from 'vitest';
import { EVENTS_MAX, EVENTS_MAX_BYTES } from '../events/parse-events.ts';
import { partsOf, together } from './parts.ts';

const before = { run: 'r', cursor: '0' };

function messageOf(count: number, cursor = '1', bytes = 0) {
  const events = Array.from({ length: count }, (_, at) => ({
    ...{ topic: 'page.updated', key: `${at}`, data: new Uint8Array(bytes) },
  }));
  return create(WatchResponseSchema, { events, cursor });
}

const namesOf = (...of: Parameters<typeof partsOf>) => partsOf(...of).map(({ name }) => name);

test('a message is cut as the log takes it, with nothing left out and nothing twice', () => {
  const parts = partsOf(messageOf(2 * EVENTS_MAX + 1), before);
  expect(parts.map(({ from, events }) => [from, events.length])).toEqual([
    [0, EVENTS_MAX],
    [EVENTS_MAX, EVENTS_MAX],
    [2 * EVENTS_MAX, 1],
  ]);
  expect(parts.flatMap(({ events }) => events.map(({ key }) => Number(key)))).toEqual(
    Array.from({ length: 2 * EVENTS_MAX + 1 }, (_, at) => at),
  );
  const large = partsOf(messageOf(5, '1', 200 * 1024), before);
  expect(large.map(({ events }) => events.length)).toEqual([2, 2, 1]);
  for (const { bytes } of large) expect(bytes).toBeLessThanOrEqual(EVENTS_MAX_BYTES);
  expect(partsOf(messageOf(0), before)).toEqual([]);
});

test('a message that comes again is known by what it holds, its cursor and its run', () => {
  const names = namesOf(messageOf(300), before);
  expect(new Set(names).size).toBe(2);
  expect(namesOf(messageOf(300), before)).toEqual(names);
  expect(namesOf(messageOf(300), { run: 'r', cursor: 'elsewhere' })).toEqual(names);
  expect(namesOf(messageOf(300, '2'), before)).not.toEqual(names);
  expect(namesOf(messageOf(300), { run: 's', cursor: '0' })).not.toEqual(names);
  expect(namesOf(messageOf(299), before)).not.toEqual(names);
});

test('a message without a place of its own is another one each time', () => {
  expect(namesOf(messageOf(1, ''), before)).not.toEqual(namesOf(messageOf(1, ''), before));
  expect(namesOf(messageOf(1, '0'), before)).not.toEqual(namesOf(messageOf(1, '0'), before));
});

test('parts are committed together as far as one request should hold', () => {
  const parts = (count: number, bytes: number) =>
    Array.from({ length: count }, () => partsOf(messageOf(1, '', bytes), before)).flat();
  const sizes = (of: ReturnType<typeof parts>) => [...together(of)].map((group) => group.length);
  expect(sizes(parts(130, 1))).toEqual([64, 64, 2]);
  expect(sizes(parts(9, 250 * 1024))).toEqual([4, 4, 1]);
  expect(sizes([])).toEqual([]);
});
