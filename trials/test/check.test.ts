import { describe, expect, test } from 'vitest';
import { CLOCK_SLACK_MS, checkRecord, FLIGHT_MS, HANG_SLACK_MS } from '../src/chaos/check.ts';
import type { Answer, Call, ChaosRecord, RegistryWrite } from '../src/chaos/record.ts';

// Steady items may be 400 ms old; version 1 is the value from 0 to 10,000, version 2 since.
const item = { tenant: 'north', type: 'Steady', key: 'item/0' };
const REPLACED_MS = 10_000;
const TTL_MS = 400;
const record: ChaosRecord = {
  writes: [
    { ...item, atMs: 0, version: 1, gone: false },
    { ...item, atMs: REPLACED_MS, version: 2, gone: false },
    { ...item, type: 'Fleeting', atMs: 0, version: 1, gone: false },
    { ...item, type: 'Fleeting', atMs: REPLACED_MS, version: 2, gone: true },
  ],
  calls: [],
  registryWrites: [],
  tokenReads: [],
  found: [],
  crashes: [],
  recoveredMs: 100,
};
const good: Answer = {
  index: 0,
  ageMs: 0,
  cache: 'MISS',
  value: { ...item, askedFor: 'north', version: 1 },
};

function callWith(answers: readonly Answer[], more: Partial<Call> = {}): Call {
  const refs = [{ type: item.type, key: item.key }];
  const when = { startMs: 5_000, endMs: 5_010, timeoutMs: 1_000 };
  return { method: 'fetch', router: 'router-1', tenant: 'north', refs, answers, ...when, ...more };
}

function kindsOf(more: Partial<ChaosRecord>): string[] {
  return checkRecord({ ...record, ...more }).violations.map(({ kind }) => kind);
}

const kindsOfCall = (answer: Partial<Answer>, more: Partial<Call> = {}) =>
  kindsOf({ calls: [callWith([{ ...good, ...answer }], more)] });
const refused = (code: string, reason: string) => ({ code, reason, text: '' });
const at = (startMs: number) => ({ startMs, endMs: startMs + 10 });

describe('an answer', () => {
  test('that is true is none to complain of', () => {
    expect(checkRecord({ ...record, calls: [callWith([good])] })).toEqual({
      checked: 1,
      violations: [],
    });
  });

  test('may be as old as its type allows, and no older', () => {
    const value = { ...item, askedFor: 'north', version: 1 };
    const lastMs = REPLACED_MS + TTL_MS + FLIGHT_MS + CLOCK_SLACK_MS;
    expect(kindsOfCall({ value, ageMs: TTL_MS }, at(lastMs))).toEqual([]);
    expect(kindsOfCall({ value, ageMs: TTL_MS }, at(lastMs + 1))).toEqual(['stale']);
  });

  test('may not be older than it says', () => {
    const lastMs = REPLACED_MS + FLIGHT_MS + CLOCK_SLACK_MS;
    expect(kindsOfCall({ ageMs: 0 }, at(lastMs + 1))).toEqual(['stale']);
    expect(kindsOfCall({ ageMs: TTL_MS + 2 })).toEqual(['stale']);
    expect(kindsOfCall({ ageMs: 200 }, { maxAgeMs: 100 })).toEqual(['stale']);
  });

  test('is of the tenant that asked, made for it, and what it asked for', () => {
    const value = { ...item, askedFor: 'north', version: 1 };
    expect(kindsOfCall({ value: { ...value, tenant: 'south' } })).toEqual(['other tenant']);
    expect(kindsOfCall({ value: { ...value, askedFor: 'south' } })).toEqual(['other tenant']);
    expect(kindsOfCall({ value: { ...value, key: 'item/1' } })).toEqual(['wrong item']);
    expect(kindsOfCall({ value: { ...value, version: 2 } })).toEqual(['wrong item']);
  });

  test('says that there is none only while there is none', () => {
    const none = {
      index: 0,
      ageMs: 0,
      cache: 'MISS',
      refused: refused('NotFound', 'KEY_NOT_FOUND'),
    };
    const refs = [{ type: 'Fleeting', key: item.key }];
    expect(kindsOf({ calls: [callWith([none], { refs })] })).toEqual(['missing']);
    expect(kindsOf({ calls: [callWith([none], { refs, ...at(REPLACED_MS + 5) })] })).toEqual([]);
  });

  test('is refused with a code that says something', () => {
    const away = { index: 0, ageMs: 0, cache: 'MISS' };
    const kinds = (code: string, reason: string) =>
      kindsOf({ calls: [callWith([{ ...away, refused: refused(code, reason) }])] });
    expect(kinds('Unavailable', 'PROVIDER_UNAVAILABLE')).toEqual([]);
    expect(kinds('Internal', 'INTERNAL')).toEqual(['dishonest']);
    expect(kinds('Unknown', 'PROVIDER_UNAVAILABLE')).toEqual(['dishonest']);
    expect(kinds('NotFound', 'TYPE_UNKNOWN')).toEqual(['dishonest']);
  });
});

describe('a call', () => {
  const two = { refs: [item, item], timeoutMs: 1_000 };
  test('has one result for each ref, in order', () => {
    const other = { ...good, index: 1 };
    expect(kindsOf({ calls: [callWith([good, other], two)] })).toEqual([]);
    expect(kindsOf({ calls: [callWith([good], two)] })).toEqual(['shape']);
    expect(kindsOf({ calls: [callWith([good, good], two)] })).toEqual(['shape']);
    expect(kindsOf({ calls: [callWith([other, good], two)] })).toEqual(['shape']);
    expect(kindsOf({ calls: [callWith([other, good], { ...two, method: 'stream' })] })).toEqual([]);
  });

  test('ends by its deadline, and fails with what a caller can act on', () => {
    const late = { endMs: 5_000 + 1_000 + HANG_SLACK_MS + 1 };
    expect(kindsOf({ calls: [callWith([good], late)] })).toEqual(['hang']);
    const fails = (code: string) =>
      kindsOf({ calls: [callWith([], { failed: refused(code, 'UNSPECIFIED') })] });
    expect(fails('Unavailable')).toEqual([]);
    expect(fails('Internal')).toEqual(['dishonest']);
    expect(fails('Unauthenticated')).toEqual(['dishonest']);
  });
});

describe('a write to the registry', () => {
  const object = 'consumer/north/c1';
  const write = (state: string | null, failed?: RegistryWrite['failed']): RegistryWrite => ({
    ...{ object, state, atMs: 0, endMs: 10, timeoutMs: 1_000 },
    ...(failed && { failed }),
  });
  const away = refused('Unavailable', 'STORE_UNAVAILABLE');
  const kinds = (registryWrites: RegistryWrite[], state: string | null, torn?: string) =>
    kindsOf({
      registryWrites,
      found: [{ object, by: 'registry', state, ...(torn === undefined ? {} : { torn }) }],
    });

  test('that was acknowledged is there', () => {
    expect(kinds([write('s1')], 's1')).toEqual([]);
    expect(kinds([write('s1')], null)).toEqual(['lost']);
    expect(kinds([write('s1'), write('s2')], 's1')).toEqual(['lost']);
    expect(kinds([write('s1'), write(null)], 's1')).toEqual(['lost']);
  });

  test('that was not is there whole or not at all', () => {
    expect(kinds([write('s1'), write('s2', away)], 's1')).toEqual([]);
    expect(kinds([write('s1'), write('s2', away)], 's2')).toEqual([]);
    expect(kinds([write('s1'), write('s2', away)], null)).toEqual(['lost']);
    expect(kinds([write('s1'), write('s2', away)], 's2', 's2, weights 1')).toEqual([
      'half-applied',
    ]);
  });

  test('is seen with its token', () => {
    const read = { object, router: 'router-2', atMs: 5 };
    expect(kindsOf({ tokenReads: [{ ...read, seen: true }] })).toEqual([]);
    expect(kindsOf({ tokenReads: [{ ...read, refused: away }] })).toEqual([]);
    expect(kindsOf({ tokenReads: [{ ...read, seen: false }] })).toEqual(['unseen']);
  });
});

test('a part that ends by itself is a fault, but for a registry without its database', () => {
  const crash = { part: 'registry-1', how: 'exit code 1' };
  const lastWords = 'weir: the database cannot be opened: connect ECONNREFUSED';
  expect(kindsOf({ crashes: [{ ...crash, lastWords }] })).toEqual([]);
  expect(kindsOf({ crashes: [{ ...crash, lastWords: 'TypeError' }] })).toEqual(['crash']);
  expect(kindsOf({ recoveredMs: null })).toEqual(['not recovered']);
});
