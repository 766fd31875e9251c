import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { createLogger } from '@weir/kit';
import { createRedactor, detectorNames } from '@weir/policy';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { ObligationSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { ContentSchema } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { describe, expect, test, vi } from 'vitest';
import { createTestClock } from '../test/answering.ts';
import { type Duty, openGuarded, TTL_MS } from '../test/guarded.ts';
import { content } from '../test/provider-server.ts';
import { admit, itemOf } from './gather/entry.ts';
import { MAX_PAYLOAD_BYTES } from './gather/land.ts';
import type { Outcome } from './outcome.ts';
import { openRedactions } from './redactions.ts';
import type { Offer } from './snapshot/catalogue.ts';

// They move much, perhaps on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

const detect: Duty = { case: 'redact', value: { detectors: [...detectorNames] } };
const mask = (pointer: string): Duty => ({
  case: 'mask',
  value: { fields: { pointers: [pointer] } },
});
/** What takes the detectors longest: it may always be a number of a phone, card or bank. */
const hostile = (bytes: number) => '123 '.repeat(bytes / 4);
/** Large, and not hostile. */
const person = { salary: 4200, name: 'x'.repeat(512 * 1024) };

const reasonOf = (outcome: Outcome | undefined) =>
  outcome?.kind === 'refused' ? outcome.refusal.reason : outcome?.kind;
const parsed = (text: string | undefined): unknown => JSON.parse(text ?? '');

/** How often the event loop turns until work is done. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  isOver = true;
  return turns;
}

describe('a large value', () => {
  test('that is made to be slow leaves the event loop to others', async () => {
    const value = hostile(MAX_PAYLOAD_BYTES - 16);
    await using docs = await openGuarded(() => content(value), [detect]);
    await docs.asBoss(['DocChunk/a']);
    const turns = await turnsDuring(() => docs.asAgent(['DocChunk/a']));
    expect(turns).toBeGreaterThan(1_000);
    expect(docs.results).toHaveLength(1);
    // On the loop itself, it would not turn once.
    const list = [create(ObligationSchema, { kind: detect })];
    const redactor = createRedactor({ list }, { tagged: () => [], hashKey: new Uint8Array(32) });
    const payload = Buffer.from(JSON.stringify(value));
    const blocked = await turnsDuring(async () => redactor.value(payload, 'application/json'));
    expect(blocked).toBeLessThan(3);
  });

  test('is redacted once for all who ask at the same time, and kept', async () => {
    await using docs = await openGuarded(() => content(person), [mask('/salary')]);
    const asked = await Promise.all([1, 2, 3].map(() => docs.asAgent(['DocChunk/a'])));
    for (const { texts, outcomes } of asked) {
      expect(parsed(texts[0])).toEqual({ ...person, salary: 0 });
      expect(outcomes[0]).toMatchObject({ redactions: ['mask /salary'] });
    }
    expect(docs.results).toEqual(['shared', 'shared', 'made']);
    await docs.asAgent(['DocChunk/a']);
    expect(docs.results.slice(3)).toEqual(['kept']);
    expect(parsed((await docs.asBoss(['DocChunk/a'])).texts[0])).toEqual(person);
  });

  test('that is confirmed anew is not redacted anew', async () => {
    let known = '';
    await using docs = await openGuarded(
      ({ knownEtag }) => {
        known = knownEtag;
        return known === '' ? content(person, { etag: 'e1' }) : { case: 'notModified', value: {} };
      },
      [mask('/salary')],
    );
    const [first] = (await docs.asAgent(['DocChunk/a'])).outcomes;
    docs.clock.advance(TTL_MS + 1_000);
    const { outcomes, texts } = await docs.asAgent(['DocChunk/a']);
    expect([known, outcomes[0]?.cache]).toEqual(['e1', CacheStatus.REVALIDATED]);
    expect(parsed(texts[0])).toMatchObject({ salary: 0 });
    expect(docs.results).toEqual(['made', 'kept']);
    const etags = [first, outcomes[0]].map(
      (one) => one?.kind === 'found' && itemOf(one.entry).etag,
    );
    expect(etags[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(etags[1]).toBe(etags[0]);
  });

  test('that takes too long is refused, and not tried again for a while', async () => {
    const value = { a: hostile(MAX_PAYLOAD_BYTES - 16) };
    const options = { redactionMs: 20 };
    await using docs = await openGuarded(() => content(value), [detect], options);
    for (const _ of [1, 2]) {
      const [outcome] = (await docs.asAgent(['DocChunk/a'])).outcomes;
      expect(reasonOf(outcome)).toBe(Reason.NOT_REDACTABLE);
    }
    expect(docs.results).toEqual(['stopped', 'refused']);
    docs.clock.advance(31_000);
    await docs.asAgent(['DocChunk/a']);
    expect(docs.results.slice(2)).toEqual(['stopped']);
    expect(reasonOf((await docs.asBoss(['DocChunk/a'])).outcomes[0])).toBe('found');
  });

  test('whoever has no time for it gets the rest of the batch; who goes is let go', async () => {
    const values: Record<string, unknown> = { large: { a: hostile(1024 * 1024) }, small: 'x' };
    await using docs = await openGuarded(({ key }) => content(values[key]), [detect]);
    await docs.asBoss(['DocChunk/large', 'DocChunk/small']);
    const hurried = docs.asAgent(['DocChunk/large', 'DocChunk/small'], {
      itemTimeout: durationFromMs(5),
    });
    const { outcomes, texts } = await hurried;
    expect(reasonOf(outcomes[0])).toBe(Reason.DEADLINE_EXCEEDED);
    expect(texts[1]).toBe('"x"');
    const leaving = new AbortController();
    const gone = docs.asAgent(['DocChunk/large'], { signal: leaving.signal });
    leaving.abort();
    await expect(gone).rejects.toThrow('the caller has gone');
    expect(docs.results).not.toContain('refused');
    // Whoever has the time gets it, whatever became of what was begun for the others.
    expect(reasonOf((await docs.asAgent(['DocChunk/large'])).outcomes[0])).toBe('found');
  });

  test('is given out as the rules are when it is ready', async () => {
    await using docs = await openGuarded(() => content(person), [mask('/salary')]);
    await docs.asBoss(['DocChunk/a']);
    const asked = docs.asAgent(['DocChunk/a']);
    docs.rule(mask('/name'));
    expect(parsed((await asked).texts[0])).toEqual({ salary: 4200, name: '***' });
    expect(docs.results).toEqual(['made', 'made']);
  });

  test('and what its provider says of it beside the value go through the same thread', async () => {
    const labels = { contact: 'lin@example.com' };
    const more = { labels, owner: 'hu@example.com', source: 'mia@example.com' };
    await using docs = await openGuarded(() => content(person, more), [detect]);
    const [outcome] = (await docs.asAgent(['DocChunk/a'])).outcomes;
    const item = outcome?.kind === 'found' ? itemOf(outcome.entry) : undefined;
    expect(item).toMatchObject({ labels: { contact: '[email]' }, owner: '[email]' });
    expect(item?.provenance?.source).toBe('[email]');
    expect(outcome).toMatchObject({ entry: { facts: { owner: '[email]' } } });
    expect(docs.results).toEqual(['made']);
  });
});

test('fields that the schema tags, hashes and patterns are the same in a thread as on the loop', async () => {
  const duties: Duty[] = [
    { case: 'drop', value: { fields: { tags: ['pay'] } } },
    { case: 'hash', value: { fields: { pointers: ['/id'] } } },
    { case: 'redact', value: { patterns: [{ name: 'project', expression: 'PRJ-\\d{4}' }] } },
  ];
  const value = { salary: 1, id: 'x', note: 'on PRJ-1234' };
  const schema = { properties: { salary: { 'x-weir-tags': ['pay'] } } };
  const options = { schema };
  const byKey = ({ key }: { key: string }) =>
    content(key === 'small' ? value : { ...value, name: person.name });
  await using docs = await openGuarded(byKey, duties, options);
  const { texts } = await docs.asAgent(['DocChunk/small', 'DocChunk/large']);
  const [small, large] = texts.map(parsed) as Record<string, unknown>[];
  const { name, ...rest } = large ?? {};
  expect([name, rest]).toEqual([person.name, small]);
  expect(small).toEqual({ id: expect.stringMatching(/^hash:/), note: 'on [project]' });
});

describe('what is done on the event loop', () => {
  const log = createLogger({ name: 'test', level: 'silent' });
  const serviceSecret = new Uint8Array(32).fill(7);
  const offer = { provider: { name: 'docs', version: '1.0.0' }, ttlMs: 1 } as Offer;
  const stopped = () => new Promise<never>(() => {});
  const entryOf = (value: unknown) => {
    const payload = Buffer.from(JSON.stringify(value));
    return admit(create(ContentSchema, { payload }), offer, { wallMs: 0, monotonicMs: 0 });
  };
  const by = (...kinds: Duty[]) => {
    const list = kinds.map((kind) => create(ObligationSchema, { kind }));
    const rest = { maxAgeMs: undefined, purposes: [], changesValues: true };
    return { obligations: { id: JSON.stringify(kinds), list, ...rest }, offer, tenant: 'acme' };
  };
  const hash: Duty = { case: 'hash', value: { fields: { pointers: ['/a'] } } };
  const patterns = [{ name: 'own', expression: 'x[^z]*z|x' }];
  const own: Duty = { case: 'redact', value: { patterns } };

  test.each([
    ['masks', mask('/a'), 30_000, 33_000],
    ['detectors', detect, 30_000, 33_000],
    ['hashes', hash, 3_900, 4_200],
    ['patterns', own, 900, 1_100],
  ])('is by %s what is small enough, and no more', async (_, duty, small, large) => {
    const clock = createTestClock();
    await using redactions = openRedactions({ serviceSecret, maxBytes: 1_000_000, clock, log });
    const of = (bytes: number) =>
      redactions.of(entryOf({ a: 'y'.repeat(bytes) }), by(duty), stopped);
    expect(of(small)).not.toBeInstanceOf(Promise);
    clock.advance(60);
    expect(of(large)).toBeInstanceOf(Promise);
  });

  test('is no more than a share of its time, however many ask', async () => {
    const clock = createTestClock();
    await using redactions = openRedactions({ serviceSecret, maxBytes: 1_000_000, clock, log });
    const of = () => redactions.of(entryOf(hostile(20_000)), by(detect), stopped);
    const all = Array.from({ length: 60 }, of);
    expect(all[0]).not.toBeInstanceOf(Promise);
    expect(all.some((one) => one instanceof Promise)).toBe(true);
    clock.advance(60);
    expect(of()).not.toBeInstanceOf(Promise);
    for (const one of await Promise.all(all.map(async (each) => each)))
      expect(one).toMatchObject({ redactions: [] });
  });
});
