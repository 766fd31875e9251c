import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { CacheStatus, Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  Action,
  Effect,
  type ObligationSchema,
  type RuleSchema,
} from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { describe, expect, test } from 'vitest';
import { createTestClock, openAnswering } from '../test/answering.ts';
import { createEntries, testCaller } from '../test/entries.ts';
import { content, openProviderServer } from '../test/provider-server.ts';
import { applyEntries } from './snapshot/snapshot.ts';

const TTL_MS = 60_000;
const manifest = {
  name: 'docs',
  version: '1.0.0',
  contexts: [{ type: 'DocChunk', version: '1.0.0', ttl: durationFromMs(TTL_MS) }],
};

type Rule = MessageInitShape<typeof RuleSchema>;

const allowing = (more: Rule = {}): Rule => ({
  name: 'allowed',
  effect: Effect.ALLOW,
  actions: [Action.FETCH],
  ...more,
});
const denying = (more: Rule): Rule => ({ ...allowing(more), name: 'denied', effect: Effect.DENY });
const policyOf = (...rules: Rule[]) => [{ name: 'p', rules }];
const obliging = (kind: Exclude<MessageInitShape<typeof ObligationSchema>['kind'], undefined>) =>
  policyOf(allowing({ obligations: [{ kind }] }));

const hiddenText = (key: string) =>
  `refused: there is no DocChunk "${key}", or you may not read it`;

/** A provider with a few values, one of them restricted, and no others. */
async function openDocs(rules: ReturnType<typeof policyOf>, clock = createTestClock()) {
  const values: Record<string, object> = {
    open: { salary: 4200, name: 'Lin' },
    closed: { name: 'Hu' },
  };
  const stack = new AsyncDisposableStack();
  const server = stack.use(
    await openProviderServer({
      fetch: ({ key }) => {
        if (!values[key]) return { case: 'notFound', value: {} };
        const sensitivity = key === 'closed' ? Sensitivity.RESTRICTED : Sensitivity.INTERNAL;
        return content(values[key], { sensitivity, etag: 'e1' });
      },
    }),
  );
  const providers = [{ manifest, urls: [server.url] }];
  const weir = stack.use(openAnswering(providers, { clock, policies: rules }));
  return { ...weir, server, [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose]() };
}

describe('what may be read', () => {
  test('without a rule that allows it: nothing, and nobody is asked', async () => {
    await using weir = await openDocs([]);
    const { texts, outcomes } = await weir.fetch(['DocChunk/open', 'DocChunk/none', 'Unheard/x']);
    expect(texts).toEqual([
      hiddenText('open'),
      hiddenText('none'),
      'refused: there is no Unheard "x", or you may not read it',
    ]);
    expect(new Set(outcomes.map((o) => o.kind === 'refused' && o.refusal.code))).toEqual(
      new Set([5]),
    );
    expect(weir.server.requests).toHaveLength(0);
  });

  test('each item of a batch is decided on its own', async () => {
    await using weir = await openDocs(policyOf(allowing({ resources: { keys: ['op*'] } })));
    const { texts } = await weir.fetch(['DocChunk/open', 'DocChunk/closed']);
    expect(texts).toEqual(['{"salary":4200,"name":"Lin"}', hiddenText('closed')]);
  });

  test('what an item tells of itself decides, and what is forbidden looks like what is missing', async () => {
    const condition = 'resource.sensitivity >= RESTRICTED';
    await using weir = await openDocs(policyOf(allowing(), denying({ condition })));
    for (const from of ['the provider', 'the cache']) {
      const { texts, outcomes } = await weir.fetch([
        'DocChunk/open',
        'DocChunk/closed',
        'DocChunk/none',
      ]);
      expect(texts, from).toEqual([
        '{"salary":4200,"name":"Lin"}',
        hiddenText('closed'),
        hiddenText('none'),
      ]);
      const [, closed, none] = outcomes;
      const told = (outcome: typeof closed) =>
        outcome?.kind === 'refused' && { ...outcome, refusal: { ...outcome.refusal, text: '' } };
      expect(told(closed), from).toEqual(told(none));
    }
    expect(weir.server.requests).toHaveLength(1);
  });

  test('of a type that nobody may know of, the names of the others tell nothing', async () => {
    await using weir = await openDocs(policyOf(allowing({ resources: { types: ['M*'] } })));
    const { texts } = await weir.fetch(['DocChunk/open', 'Metrics/x']);
    expect(texts).toEqual([
      hiddenText('open'),
      'refused: there is no type Metrics; there are: Metric',
    ]);
  });

  test('what the policy says of the provider decides which is asked', async () => {
    await using first = await openProviderServer({ fetch: () => content('first') });
    await using second = await openProviderServer({ fetch: () => content('second') });
    await using weir = openAnswering(
      [
        { manifest: { ...manifest, name: 'a' }, urls: [first.url] },
        { manifest: { ...manifest, name: 'b' }, urls: [second.url] },
      ],
      { policies: policyOf(allowing({ resources: { providers: ['b'] } })) },
    );
    expect((await weir.fetch(['DocChunk/k'])).texts).toEqual(['"second"']);
    expect(first.requests).toHaveLength(0);
  });

  test('roles and attributes of the principal decide', async () => {
    const condition = 'subject.clearance >= 3';
    const subjects = { roles: ['hr'] };
    await using weir = await openDocs(policyOf(allowing({ condition, subjects })));
    const fetchAs = async (attributes: ReturnType<typeof testCaller>['attributes']) =>
      (await weir.fetch(['DocChunk/open'], { caller: testCaller({ attributes }) })).texts[0];
    expect(await fetchAs({ roles: ['hr'], clearance: 3 })).toBe('{"salary":4200,"name":"Lin"}');
    expect(await fetchAs({ roles: ['hr'], clearance: 2 })).toBe(hiddenText('open'));
    expect(await fetchAs({ clearance: 4 })).toBe(hiddenText('open'));
  });

  test('a key that permits less than the policy may do no more', async () => {
    await using weir = await openDocs(policyOf(allowing()));
    const caller = (permits: string[]) => ({ ...testCaller(), permits });
    const fetchAs = async (permits: string[]) =>
      (await weir.fetch(['DocChunk/open'], { caller: caller(permits) })).texts[0];
    expect(await fetchAs(['fetch:DocChunk'])).toBe('{"salary":4200,"name":"Lin"}');
    expect(await fetchAs(['fetch:Metric', 'list:*'])).toBe(hiddenText('open'));
  });

  test('a rule that cannot be evaluated denies, whatever others say', async () => {
    const condition = 'subject.attributes.nowhere == "x"';
    const failing = allowing({ name: 'failing', condition });
    await using weir = await openDocs(policyOf(allowing(), failing));
    expect((await weir.fetch(['DocChunk/open'])).texts).toEqual([hiddenText('open')]);
  });
});

describe('obligations', () => {
  test('hide fields, and the item says so', async () => {
    const kind = { case: 'mask' as const, value: { fields: { pointers: ['/salary'] } } };
    await using weir = await openDocs(obliging(kind));
    for (const from of ['the provider', 'the cache']) {
      const { texts, outcomes } = await weir.fetch(['DocChunk/open']);
      expect(texts, from).toEqual(['{"salary":0,"name":"Lin"}']);
      expect(outcomes[0]).toMatchObject({ kind: 'found', redactions: ['mask /salary'] });
    }
    expect(weir.server.requests).toHaveLength(1);
  });

  test('hide the fields that the schema tags', async () => {
    const kind = { case: 'drop' as const, value: { fields: { tags: ['pay'] } } };
    await using server = await openProviderServer({
      fetch: () => content({ salary: 1, name: 'Lin' }),
    });
    const schema = { properties: { salary: { 'x-weir-tags': ['pay'] } } };
    await using weir = openAnswering([{ manifest, urls: [server.url] }], {
      schema,
      policies: obliging(kind),
    });
    expect((await weir.fetch(['DocChunk/open'])).texts).toEqual(['{"name":"Lin"}']);
  });

  test('what cannot be hidden is refused', async () => {
    const kind = { case: 'mask' as const, value: { fields: { pointers: ['/salary'] } } };
    await using server = await openProviderServer({
      fetch: () => ({
        case: 'content',
        value: { payload: Buffer.from([0xff, 0]), contentType: 'application/octet-stream' },
      }),
    });
    const providers = [{ manifest, urls: [server.url] }];
    await using weir = openAnswering(providers, { policies: obliging(kind) });
    const [outcome] = (await weir.fetch(['DocChunk/open'])).outcomes;
    expect(outcome).toMatchObject({ refusal: { reason: Reason.NOT_REDACTABLE } });
  });

  test("a provider's words of failure are redacted as its values are", async () => {
    const kind = { case: 'redact' as const, value: { detectors: ['email'] } };
    await using server = await openProviderServer({
      fetch: () => ({ case: 'failure', value: { code: 13, text: 'no row for lin@example.com' } }),
    });
    const providers = [{ manifest, urls: [server.url] }];
    await using weir = openAnswering(providers, { policies: obliging(kind) });
    const [text] = (await weir.fetch(['DocChunk/open'])).texts;
    expect(text).toBe('refused: provider docs: no row for [email]');
  });

  test('a purpose that must be stated', async () => {
    const kind = { case: 'requirePurpose' as const, value: { purposes: ['support'] } };
    await using weir = await openDocs(obliging(kind));
    const [without] = (await weir.fetch(['DocChunk/open'])).outcomes;
    expect(without).toMatchObject({ refusal: { reason: Reason.PURPOSE_REQUIRED } });
    const { texts } = await weir.fetch(['DocChunk/open'], { purpose: 'support' });
    expect(texts).toEqual(['{"salary":4200,"name":"Lin"}']);
  });

  test('what is older than allowed is fetched anew', async () => {
    const clock = createTestClock();
    const kind = { case: 'capAge' as const, value: { age: durationFromMs(5_000) } };
    await using weir = await openDocs(obliging(kind), clock);
    await weir.fetch(['DocChunk/open']);
    clock.advance(4_000);
    expect((await weir.fetch(['DocChunk/open'])).outcomes[0]?.cache).toBe(CacheStatus.HIT_MEMORY);
    clock.advance(2_000);
    expect((await weir.fetch(['DocChunk/open'])).outcomes[0]?.cache).not.toBe(
      CacheStatus.HIT_MEMORY,
    );
    expect(weir.server.requests).toHaveLength(2);
  });
});

test('a rule that comes while an item is on its way is in force when it leaves', async () => {
  let asked = () => {};
  const arrived = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const answered = Promise.withResolvers<void>();
  await using server = await openProviderServer({
    async fetch() {
      asked();
      await answered.promise;
      return content('secret');
    },
  });
  const providers = [{ manifest, urls: [server.url] }];
  await using weir = openAnswering(providers, { policies: policyOf(allowing()) });
  const make = createEntries();
  const change = (...entries: Parameters<typeof applyEntries>[1]) =>
    weir.holder.replace(applyEntries(weir.holder.current, entries, weir.holder.current), 0);
  change(make.principal('lin'), make.key('k1', 'lin'));
  const fetched = weir.fetch(['DocChunk/open']);
  await arrived;
  change(make.policy({ name: 'p', rules: [allowing(), denying({})] }));
  answered.resolve();
  expect((await fetched).texts).toEqual([hiddenText('open')]);
});
