import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Effect, type ObligationSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { SchemaCheck } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { describe, expect, test } from 'vitest';
import { createTestClock, openAnswering } from '../test/answering.ts';
import { testCaller } from '../test/entries.ts';
import { content, openProviderServer } from '../test/provider-server.ts';
import {
  allowing,
  missing,
  notRestricted,
  openDocs,
  policyOf,
  restricted,
} from '../test/ruled-docs.ts';

type Kind = Exclude<MessageInitShape<typeof ObligationSchema>['kind'], undefined>;

describe('what is told in the place of an item', () => {
  test('what runs out of time tells nothing of what others have fetched', async () => {
    await using weir = await openDocs(notRestricted, [
      ({ key }) => (key === 'closed' ? restricted : missing),
    ]);
    const admin = testCaller();
    await weir.fetch(['DocChunk/closed', 'DocChunk/none'], { caller: admin });
    weir.clock.advance(5_000);
    const { outcomes } = await weir.fetch(['DocChunk/closed', 'DocChunk/none'], {
      itemTimeout: durationFromMs(0),
    });
    const [closed, none] = outcomes.map((o) => o.kind === 'refused' && o.refusal.reason);
    expect(closed).toBe(none);
  });

  test("a provider's words are redacted by the rules for that provider", async () => {
    const kind: Kind = { case: 'redact', value: { detectors: ['email'] } };
    const obligations = [{ kind }];
    const resources = { providers: ['b'] };
    const rules = policyOf(
      allowing(),
      allowing({ name: 'o', effect: Effect.OBLIGE, resources, obligations }),
    );
    await using weir = await openDocs(rules, [
      () => missing,
      () => ({ case: 'failure', value: { code: 13, text: 'no row for lin@example.com' } }),
    ]);
    const { texts } = await weir.fetch(['DocChunk/k']);
    expect(texts).toEqual(['refused: provider b: no row for [email]']);
  });

  test("where fields are hidden, a provider's words are left out", async () => {
    const kind: Kind = { case: 'mask', value: { fields: { pointers: ['/salary'] } } };
    await using weir = await openDocs(policyOf(allowing({ obligations: [{ kind }] })), [
      () => ({ case: 'failure', value: { code: 13, text: 'salary 4200 is out of range' } }),
    ]);
    const { texts } = await weir.fetch(['DocChunk/k']);
    expect(texts[0]).not.toContain('4200');
  });

  test('what breaks a schema does not name what is hidden', async () => {
    const kind: Kind = { case: 'drop', value: { fields: { pointers: ['/people'] } } };
    await using server = await openProviderServer({
      fetch: () => content({ people: { 'lin@example.com': 'x' } }),
    });
    const contexts = [{ type: 'DocChunk', version: '1.0.0', schemaCheck: SchemaCheck.REQUIRE }];
    const schema = {
      properties: { people: { additionalProperties: false } },
    };
    await using weir = openAnswering(
      [{ manifest: { name: 'a', version: '1.0.0', contexts }, urls: [server.url] }],
      { schema, policies: policyOf(allowing({ obligations: [{ kind }] })) },
    );
    const { texts } = await weir.fetch(['DocChunk/k']);
    expect(texts[0]).toContain('refused');
    expect(texts[0]).not.toContain('lin@example.com');
  });

  test('an item that comes when the time for it is over is not given out', async () => {
    const clock = createTestClock();
    const end = new Date(clock.wallMs() + 2_000).toISOString();
    const rules = policyOf(allowing({ condition: `before("${end}")` }));
    const asked = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    await using server = await openProviderServer({
      async fetch() {
        asked.resolve();
        await answered.promise;
        return content('late');
      },
    });
    const contexts = [{ type: 'DocChunk', version: '1.0.0' }];
    await using weir = openAnswering(
      [{ manifest: { name: 'a', version: '1.0.0', contexts }, urls: [server.url] }],
      { clock, policies: rules },
    );
    const fetched = weir.fetch(['DocChunk/k'], { timeoutMs: 60_000 });
    await asked.promise;
    clock.advance(3_000);
    answered.resolve();
    expect((await fetched).outcomes[0]?.kind).toBe('refused');
  });
});
