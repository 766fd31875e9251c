import { create, toBinary } from '@bufbuild/protobuf';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  FetchResponseSchema,
  ListResponseSchema,
  WatchResponseSchema,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { describe, expect, test } from 'vitest';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import { createAnswerGuard, createPageGuard, createWatchDecoder } from './answer-guard.ts';

const MIB = 1024 * 1024;
const limits = { concurrentCalls: 1, callsPerSecond: undefined, responseBytes: 64 * MIB };
const provider = { name: 'docs', limits } as ProviderVersion;
const garbage = expect.objectContaining({ reason: Reason.PROVIDER_GARBAGE });

/** The least of some runs: what the machine needs when nothing else is done. */
function leastMs(run: () => void): number {
  const times = Array.from({ length: 5 }, () => {
    const startMs = performance.now();
    run();
    return performance.now() - startMs;
  });
  return Math.min(...times);
}

/** A field with a length, around bytes. */
function field(tag: number, bytes: Uint8Array): Buffer {
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([tag, ...length, rest]), bytes]);
}

function filled(pattern: readonly number[]): Buffer {
  return Buffer.alloc(5 * MIB - 100, Buffer.from(pattern));
}

describe('a flood is stopped within its message', () => {
  const floods: [string, Buffer][] = [
    ['empty results', filled([0x0a, 0])],
    ['outcomes in place of others', field(0x0a, filled([0x12, 0, 0x32, 0]))],
    ['labels in place of others', field(0x0a, field(0x12, filled([0x4a, 0])))],
  ];
  test.each(floods)('of %s', (_, message) => {
    const read = () => createAnswerGuard(provider, 32).decode(message);
    expect(read).toThrow(garbage);
    // The whole of it would take some hundred milliseconds.
    expect(leastMs(() => expect(read).toThrow())).toBeLessThan(100);
  });

  const pages: [string, Buffer][] = [
    ['entries', filled([0x0a, 0])],
    ['labels of an entry', field(0x0a, filled([0x3a, 0]))],
  ];
  test.each(pages)('of %s in a page', (_, message) => {
    const read = () => createPageGuard(provider).decode(message);
    expect(read).toThrow(garbage);
    expect(leastMs(() => expect(read).toThrow())).toBeLessThan(100);
  });

  const watches: [string, Buffer][] = [
    ['bytes', filled([0x0a, 0])],
    ['events', filled([0x0a, 0]).subarray(0, MIB)],
    ['refs', field(0x0a, filled([0x2a, 0]).subarray(0, 4 * MIB - 100))],
    ['labels', field(0x0a, filled([0x3a, 0]).subarray(0, 4 * MIB - 100))],
  ];
  test.each(watches)('of %s in a watch', (_, message) => {
    const read = () => createWatchDecoder(provider).decode(message);
    expect(read).toThrow(garbage);
    expect(leastMs(() => expect(read).toThrow())).toBeLessThan(100);
  });
});

test('an answer may have as much as was asked for, and a little more', () => {
  const message = (results: number) =>
    Buffer.from(
      toBinary(
        FetchResponseSchema,
        create(FetchResponseSchema, {
          results: Array.from({ length: results }, (_, index) => ({
            index: index % 10,
            outcome: { case: 'notFound' as const, value: {} },
          })),
        }),
      ),
    );
  const guard = createAnswerGuard(provider, 10);
  expect(guard.complete).toBe(false);
  guard.decode(message(10));
  expect(guard.complete).toBe(true);
  guard.decode(message(64));
  expect(() => guard.decode(message(1))).toThrow(garbage);
});

test('a page is read once, and what is none is told', () => {
  const page = create(ListResponseSchema, { entries: [{ key: 'a' }], nextPageToken: 'b' });
  const bytes = Buffer.from(toBinary(ListResponseSchema, page));
  const guard = createPageGuard(provider);
  expect(guard.complete).toBe(false);
  expect(guard.decode(bytes)).toEqual(page);
  expect(guard.complete).toBe(true);
  expect(() => guard.decode(bytes)).toThrow('protocol error: received extra output');
  const nonsense = Buffer.from([0x0a, 5, 1]);
  expect(() => createPageGuard(provider).decode(nonsense)).toThrow('cannot be read');
  expect(() => createAnswerGuard(provider, 1).decode(nonsense)).toThrow('cannot be read');
});

test('a message of a watch may have 1,000 events, with all that events may have', () => {
  const refs = Array.from({ length: 32 }, () => ({ type: 'Page', key: 'a' }));
  const labels = Object.fromEntries(Array.from({ length: 32 }, (_, at) => [`l${at}`, 'v']));
  const events = Array.from({ length: 1_000 }, () => ({ topic: 'page.updated', refs, labels }));
  const message = create(WatchResponseSchema, { events, cursor: 'c' });
  const bytes = Buffer.from(toBinary(WatchResponseSchema, message));
  expect(createWatchDecoder(provider).decode(bytes)).toEqual(message);
  const nonsense = Buffer.from([0x0a, 5, 1]);
  expect(() => createWatchDecoder(provider).decode(nonsense)).toThrow('cannot be read');
});
