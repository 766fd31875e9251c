import { expect, expectTypeOf, test } from 'vitest';
import type { DocChunk } from '../src/index.ts';
import { defineContext, defineProvider, manifestOf } from '../src/provider.ts';
import { openTestWeir } from '../src/testing.ts';

const note = defineContext<{ text: string }>({
  type: 'Note',
  version: '1.0.0',
  ttlMs: 60_000,
  staleWhileRevalidateMs: 5_000,
  negativeTtlMs: 500,
  sensitivity: 'confidential',
  keyPrefix: 'n-',
  fetch: ({ key }) => ({ value: { text: key } }),
  list: () => ({ entries: [] }),
});

test('a manifest says what was declared, with durations and enums of the contract', () => {
  const provider = defineProvider({
    name: 'notes',
    version: '1.2.3',
    title: 'Notes',
    tags: ['a'],
    timeoutMs: 1_500,
    weight: 0,
    limits: { concurrentCalls: 8, callsPerSecond: 100, responseBytes: 1024 ** 3 },
    hedgeAfterMs: 50,
    bearer: 'secret://notes',
    contexts: [note],
  });
  const manifest = manifestOf(provider);
  expect(manifest).toMatchObject({
    name: 'notes',
    version: '1.2.3',
    title: 'Notes',
    tags: ['a'],
    weight: 0,
    timeout: { seconds: 1n, nanos: 500_000_000 },
    limits: { concurrentCalls: 8, callsPerSecond: 100, responseBytes: 1_073_741_824n },
    hedgeAfter: { seconds: 0n, nanos: 50_000_000 },
    authentication: { bearer: 'secret://notes' },
  });
  expect(manifest.contexts[0]).toMatchObject({
    type: 'Note',
    version: '1.0.0',
    keyPrefix: 'n-',
    ttl: { seconds: 60n },
    staleWhileRevalidate: { seconds: 5n },
    negativeTtl: { seconds: 0n, nanos: 500_000_000 },
    sensitivity: 3,
    listable: true,
  });
});

test('faults of a declaration are named, all at once', () => {
  expect(() => defineContext({ type: 'note', version: '1' })).toThrow(
    'context note: type must be A-Z, a-z, 0-9 after a capital, at most 63 characters; ' +
      'version "1" is not semver: write it like 1.0.0; give fetch or fetchMany',
  );
  expect(() =>
    defineProvider({ name: 'Notes', version: '1.0.0', contexts: [note, note], timeoutMs: 0 }),
  ).toThrow(
    'provider Notes: name must be a-z, 0-9 and "-" after a letter, at most 63; ' +
      'timeoutMs 0 is not 1 to 60000; Note@1.0.0 is offered twice: offer it once',
  );
});

test('limits beyond what a router knows are faults', () => {
  const limits = { concurrentCalls: 0, callsPerSecond: 1.5, responseBytes: 4_095 };
  expect(() =>
    defineProvider({ name: 'n', version: '1.0.0', contexts: [note], limits, hedgeAfterMs: 9 }),
  ).toThrow(
    'provider n: limits.concurrentCalls 0 is not 1 to 1000; ' +
      'limits.callsPerSecond 1.5 is not 1 to 100000; ' +
      'limits.responseBytes 4095 is not 4096 to 1073741824; ' +
      'hedgeAfterMs 9 is not 10 to 60000; leave it out for never',
  );
  const provider = defineProvider({ name: 'n', version: '1.0.0', contexts: [note], limits: {} });
  expect(manifestOf(provider).limits?.concurrentCalls).toBeUndefined();
});

test('topics are told with what their data is, and their faults named', () => {
  const data = { type: 'PageUpdated', version: '1.0.0', schema: { type: 'object' } };
  const base = { name: 'n', version: '1.0.0', contexts: [note] };
  const topics = [{ topic: 'page.updated', title: 'Saved', data }, { topic: 'page.locked' }];
  expect(manifestOf(defineProvider({ ...base, topics })).topics).toMatchObject([
    { topic: 'page.updated', title: 'Saved', type: 'PageUpdated', version: '1.0.0' },
    { topic: 'page.locked', title: '', type: '', version: '' },
  ]);
  const faulty = [
    { topic: 'Page', data: { type: 'page', version: '1' } },
    { topic: 'a.b' },
    { topic: 'a.b' },
  ];
  expect(() => defineProvider({ ...base, topics: faulty })).toThrow(
    'provider n: topic "Page" is none: write 1 to 8 names like page.updated; ' +
      'the type of the data of Page is no type; the version of the data of Page is not semver; ' +
      'a.b is declared twice: declare it once',
  );
});

test('a provider told of the principal may not share its values in the tenant', () => {
  const shared = defineContext({ ...note, scope: 'tenant' });
  expect(() =>
    defineProvider({ name: 'n', version: '1.0.0', wantsPrincipal: true, contexts: [shared] }),
  ).toThrow('Note: a provider told of the principal needs scope principal or none');
});

test('the name of a built-in type gives the type of its values', () => {
  // @ts-expect-error: a DocChunk is no number
  defineContext({ type: 'DocChunk', version: '1.0.0', fetch: () => ({ value: 1 }) });
  // @ts-expect-error: a note has a text
  defineContext<{ text: string }>({ type: 'N', version: '1.0.0', fetch: () => ({ value: {} }) });
  defineContext({ type: 'Other', version: '1.0.0', fetch: () => ({ value: { any: 1 } }) });
  const weir = openTestWeir({ providers: [] });
  expectTypeOf(weir.get<'DocChunk'>)
    .returns.resolves.toHaveProperty('value')
    .toEqualTypeOf<DocChunk>();
});
