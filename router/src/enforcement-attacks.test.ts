import { create } from '@bufbuild/protobuf';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { type Caller, createAssertions } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Action } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { PolicyService, TestPoliciesRequestSchema } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { describe, expect, test } from 'vitest';
import { testContext } from '../test/context.ts';
import { testCaller } from '../test/entries.ts';
import { content } from '../test/provider-server.ts';
import {
  allowing,
  denying,
  type Fetch,
  missing,
  notRestricted,
  openDocs,
  type Policies,
  policyOf,
  type Rule,
  restricted,
} from '../test/ruled-docs.ts';
import { testPolicies } from './rpc/test-policies.ts';

describe('what Explain tells those who do not administer', () => {
  test('of a forbidden item no more than of one that is missing, also where another is found', async () => {
    const told = async (first: Fetch) => {
      await using weir = await openDocs(notRestricted, [first, () => content('open')]);
      const { steps, candidates, result } = await weir.explained('k');
      expect(result?.outcome.case).toBe('item');
      return {
        steps: steps.map(({ stage, text, reason }) => ({ stage, text, reason })),
        candidates: candidates.map(({ provider, tried, text }) => ({ provider, tried, text })),
      };
    };
    expect(await told(() => restricted)).toEqual(await told(() => missing));
  });

  test('nothing of providers that the policy denies them', async () => {
    const rules = policyOf(allowing({ resources: { providers: ['b'] } }));
    await using weir = await openDocs(rules, [() => content('a'), () => content('b')]);
    const { candidates } = await weir.explained('k');
    expect(candidates.map(({ provider, tried }) => [provider, tried])).toEqual([['b', true]]);
  });

  test('rules, and providers that are denied, to those alone whom key and policy let administer', async () => {
    const administering = { actions: [Action.ADMINISTER], subjects: { principals: ['hu'] } };
    const rules = policyOf(allowing({ resources: { providers: ['b'] } }), {
      ...allowing(administering),
      name: 'administrators',
    });
    await using weir = await openDocs(rules, [() => content('a'), () => content('b')]);
    const scopes = new Set([Scope.READ, Scope.ADMIN]);
    const told = async (caller: Caller) => {
      const { candidates, decision } = await weir.explained('k', caller);
      const tried = candidates.map(({ provider, tried }) => [provider, tried]);
      return { tried, rules: decision?.rules };
    };
    const bare = { tried: [['b', true]], rules: [] };
    expect(await told(testCaller({ principal: 'hu' }))).toEqual(bare);
    expect(await told({ ...testCaller(), scopes })).toEqual(bare);
    const all = {
      tried: [
        ['a', false],
        ['b', true],
      ],
      rules: ['p/allowed'],
    };
    expect(await told({ ...testCaller({ principal: 'hu' }), scopes })).toEqual(all);
    const platform = new Set([Scope.PLATFORM]);
    expect(await told({ ...testCaller(), scopes: platform })).toEqual(all);
  });

  test('of patterns their names, and not what they look for', async () => {
    const patterns = [{ name: 'project', expression: 'NIGHTFALL-[0-9]+' }];
    const obligations = [{ kind: { case: 'redact' as const, value: { patterns } } }];
    const administering = { ...allowing({ actions: [Action.ADMINISTER] }), name: 'administrators' };
    const rules = policyOf(allowing({ obligations }), administering);
    await using weir = await openDocs(rules, [() => content('about NIGHTFALL-7')]);
    const told = async (caller: Caller) => {
      const { decision, result } = await weir.explained('k', caller);
      const item = result?.outcome.case === 'item' ? result.outcome.value : undefined;
      expect(Buffer.from(item?.body.value ?? '').toString()).toBe('"about [project]"');
      return decision?.obligations.map(({ kind }) => kind.value);
    };
    expect(await told(testCaller())).toMatchObject([
      { patterns: [{ name: 'project', expression: '' }] },
    ]);
    const scopes = new Set([Scope.READ, Scope.ADMIN]);
    expect(await told({ ...testCaller(), scopes })).toMatchObject([{ patterns }]);
  });

  test('of what lowered the quality nothing that names what is hidden', async () => {
    const note = 'without /salary';
    const told = async (obligations: Rule['obligations']) => {
      const contexts = [
        { type: 'DocChunk', version: '1.0.0', completeFields: ['/salary', '/name'] },
      ];
      const fetch = () => content({ name: 'Lin' });
      const rules = policyOf(allowing({ ...(obligations && { obligations }) }));
      await using weir = await openDocs(rules, [fetch], { contexts });
      return (await weir.explained('k')).quality?.notes ?? [];
    };
    const fields = { fields: { pointers: ['/salary'] } };
    expect(await told([])).toContain(note);
    expect(await told([{ kind: { case: 'mask', value: fields } }])).not.toContain(note);
  });
});

describe('what the policy does not let somebody administer', () => {
  const scopes = new Set([Scope.READ, Scope.ADMIN]);
  const tested = async (policies: Policies, caller: Caller, seconds?: bigint) => {
    await using weir = await openDocs(policies, [() => restricted]);
    const assertions = createAssertions(new Uint8Array(32).fill(7));
    const transport = createGrpcTransport({ baseUrl: 'http://127.0.0.1:1' });
    const request = create(TestPoliciesRequestSchema, {
      subject: { principal: 'lin' },
      refs: [{ type: 'DocChunk', key: 'k' }],
      ...(seconds !== undefined && { time: { seconds } }),
    });
    const context = testContext(PolicyService.method.testPolicies, { caller });
    const call = testPolicies({ ...weir, observe: () => {}, transport, assertions });
    return await call(request, context);
  };

  test('they cannot try either: a trial tells of rules and items', async () => {
    const caller = { ...testCaller(), scopes };
    const administering = { actions: [Action.ADMINISTER] };
    const allowed = { ...allowing(administering), name: 'administrators' };
    const others = denying({ ...administering, resources: { types: ['PolicyService'] } });
    await expect(tested(policyOf(allowing()), caller)).rejects.toMatchObject({
      reason: Reason.DENIED,
    });
    await expect(tested(policyOf(allowing(), allowed, others), caller)).rejects.toMatchObject({
      reason: Reason.DENIED,
    });
    const { decisions } = await tested(policyOf(allowing(), allowed), caller);
    expect(decisions[0]?.rules).toEqual(['p/allowed']);
  });

  test('a trial at a time that no clock shows is malformed', async () => {
    const caller = { ...testCaller(), scopes: new Set([Scope.PLATFORM]) };
    const rules = policyOf(allowing({ condition: 'between("09:00", "18:00", "Asia/Taipei")' }));
    for (const seconds of [2n ** 62n, -(2n ** 62n), 10n ** 13n]) {
      await expect(tested(rules, caller, seconds)).rejects.toMatchObject({
        reason: Reason.MALFORMED_REQUEST,
      });
    }
    const { decisions } = await tested(rules, caller, 4_000_000n);
    expect(decisions).toHaveLength(1);
  });
});
