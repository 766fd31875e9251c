import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { toBinary } from '@bufbuild/protobuf';
import { ItemResultSchema } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { expect, test, vi } from 'vitest';
import { openBlobServer } from '../../test/blob-server.ts';
import { type Duty, openGuarded } from '../../test/guarded.ts';
import { content } from '../../test/provider-server.ts';
import { itemOf } from '../gather/entry.ts';
import type { Found, Outcome } from '../outcome.ts';
import { presentItem } from '../present.ts';

// Values that lie in the blob store, which items link to.
vi.setConfig({ testTimeout: 120_000 });

const MIB = 1024 * 1024;
const maskSalary: Duty = { case: 'mask', value: { fields: { pointers: ['/salary'] } } };
const dropSalary: Duty = { case: 'drop', value: { fields: { pointers: ['/salary'] } } };
const person = { salary: 4200, name: 'x'.repeat(5 * MIB) };
const masked = { ...person, salary: 0 };
const { salary: _, ...dropped } = person;

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));

function foundIn({ outcomes }: { outcomes: readonly Outcome[] }): Found {
  const [outcome] = outcomes;
  if (outcome?.kind !== 'found') throw new Error(outcome?.refusal.text);
  return outcome;
}

/** A provider of one large value, and a blob store that is served. */
async function openLarge(
  duties: readonly Duty[],
  { value = person as unknown, more = {} as object, fetch = () => content(value, more) } = {},
) {
  await using stack = new AsyncDisposableStack();
  const blobs = stack.use(await openBlobServer({ maxBytes: 200 * MIB }));
  const docs = stack.use(await openGuarded(fetch, duties, { blobs: blobs.store }));
  const owned = stack.move();
  return {
    ...{ docs, blobs },
    /** What the link of an item leads to. */
    async follow({ link }: Found) {
      const response = await fetchUrl(blobs.at(link?.url ?? ''));
      return new Uint8Array(await response.arrayBuffer());
    },
    /** Removes a value from the store. */
    async lose(entry: Found['entry']) {
      const name = Buffer.from(itemOf(entry).sha256).toString('hex');
      await rm(join(blobs.options.dir, 'acme', name.slice(0, 2), name));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
const fetchUrl = fetch;

test('a large value under obligations is linked as they leave it, and tells nothing of what it was', async () => {
  await using weir = await openLarge([maskSalary], { more: { etag: 'made of the value' } });
  const { docs, follow } = weir;
  const agents = foundIn(await docs.asAgent(['DocChunk/a']));
  const bosses = foundIn(await docs.asBoss(['DocChunk/a']));
  expect(agents.redactions).toEqual(['mask /salary']);
  const wanted = bytesOf(masked);
  const item = itemOf(agents.entry);
  expect(Buffer.from(await follow(agents)).equals(wanted)).toBe(true);
  expect(Buffer.from(item.sha256).equals(hashOf(wanted))).toBe(true);
  expect(item.sizeBytes).toBe(BigInt(wanted.length));
  expect(item.etag).toMatch(/^[0-9a-f]{32}$/);

  const whole = bytesOf(person);
  expect(Buffer.from(await follow(bosses)).equals(whole)).toBe(true);
  expect(itemOf(bosses.entry)).toMatchObject({ etag: 'made of the value' });
  const told = Buffer.from(toBinary(ItemResultSchema, presentItem({ ...agents, cache: 0 }, 0)));
  for (const trace of [hashOf(whole), hashOf(whole).toString('hex'), 'made of the value']) {
    expect(told.includes(trace)).toBe(false);
  }
  expect(docs.server.requests).toHaveLength(1);
});

test('it is redacted once, kept, and linked anew for each call', async () => {
  await using weir = await openLarge([maskSalary]);
  const { docs, blobs } = weir;
  const ask = async () => foundIn(await docs.asAgent(['DocChunk/a']));
  const [first, second] = await Promise.all([ask(), ask()]);
  blobs.clock.advance(5_000);
  const third = await ask();
  expect(docs.results).toEqual(['shared', 'made', 'kept']);
  expect(second.link).toEqual(first.link);
  expect(third.link?.expireMs).toBeGreaterThan(first.link?.expireMs ?? 0);
});

test('one with nothing to hide is linked as it is', async () => {
  await using weir = await openLarge([
    { case: 'mask', value: { fields: { pointers: ['/none'] } } },
  ]);
  const { docs, follow } = weir;
  const found = foundIn(await docs.asAgent(['DocChunk/a']));
  expect(found.redactions).toEqual([]);
  expect(Buffer.from(await follow(found)).equals(bytesOf(person))).toBe(true);
  expect(docs.results).toEqual(['none']);
});

test('one of which nothing is left is linked all the same', async () => {
  await using weir = await openLarge([{ case: 'drop', value: { fields: { pointers: [''] } } }]);
  const found = foundIn(await weir.docs.asAgent(['DocChunk/a']));
  expect(Buffer.from(await weir.follow(found)).toString()).toBe('null');
});

test('what stands beside it is redacted too', async () => {
  const more = { labels: { contact: 'lin@example.com' } };
  const detect: Duty = { case: 'redact', value: { detectors: ['email'] } };
  await using weir = await openLarge([detect], { more });
  const { entry, link } = foundIn(await weir.docs.asAgent(['DocChunk/a']));
  expect(itemOf(entry)).toMatchObject({ labels: { contact: '[email]' } });
  expect(link).toBeDefined();
});

test('what was made of a value and is lost is made anew; a lost value is fetched anew', async () => {
  await using weir = await openLarge([maskSalary]);
  const { docs, follow, lose } = weir;
  const ask = async () => {
    const found = foundIn(await docs.asAgent(['DocChunk/a']));
    expect(Buffer.from(await follow(found)).equals(bytesOf(masked))).toBe(true);
    return found;
  };
  const agents = await ask();
  await lose(agents.entry);
  await ask();
  expect(docs.server.requests).toHaveLength(1);
  expect(docs.results).toEqual(['made', 'kept', 'made']);

  const bosses = foundIn(await docs.asBoss(['DocChunk/a']));
  await lose(bosses.entry);
  // Of the value itself nobody asks for more than what was made of it.
  await ask();
  expect(docs.server.requests).toHaveLength(1);
  await lose(agents.entry);
  await ask();
  expect(docs.server.requests).toHaveLength(2);
  expect(docs.results.slice(-3)).toEqual(['kept', 'lost', 'made']);
});

test.each([
  ['is larger than what is redacted', { a: 'x'.repeat(16 * MIB) }, {}],
  ['cannot be read', person, { contentType: 'application/pdf' }],
])('one that %s is refused, and others have it', async (_name, value, more) => {
  await using weir = await openLarge([maskSalary], { value, more });
  const { docs, follow } = weir;
  const [outcome] = (await docs.asAgent(['DocChunk/a'])).outcomes;
  expect(outcome).toMatchObject({ refusal: { reason: Reason.NOT_REDACTABLE } });
  const bosses = foundIn(await docs.asBoss(['DocChunk/a']));
  expect(Buffer.from(await follow(bosses)).equals(bytesOf(value))).toBe(true);
});

test.each([
  ['obligations come', [], [maskSalary], masked],
  ['others take their place', [maskSalary], [dropSalary], dropped],
  ['they go', [maskSalary], [], person],
])(
  'when %s while it is on its way, the link is of what they leave',
  async (_name, before, after, wanted) => {
    const asked = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    await using weir = await openLarge(before, {
      fetch: (async () => {
        asked.resolve();
        await answered.promise;
        return content(person);
      }) as unknown as () => ReturnType<typeof content>,
    });
    const { docs, follow } = weir;
    const fetched = docs.asAgent(['DocChunk/a']);
    await asked.promise;
    docs.rule(...after);
    answered.resolve();
    const found = foundIn(await fetched);
    expect(Buffer.from(await follow(found)).equals(bytesOf(wanted))).toBe(true);
    expect(Buffer.from(itemOf(found.entry).sha256).equals(hashOf(bytesOf(wanted)))).toBe(true);
  },
);
