import { Code, ConnectError } from '@connectrpc/connect';
import { reasonOf } from '@weir/kit';
import { BadRequestSchema } from '@weir/sdk/gen/google/rpc/error_details_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Action, Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { SnapshotEntry } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestRegistry, type TestRegistry } from '../test-registry.ts';

let weir: TestRegistry;
beforeAll(async () => {
  weir = await openTestRegistry();
});
afterAll(async () => {
  await weir?.[Symbol.asyncDispose]();
});

const document = (value: string) => ({ source: { case: 'document' as const, value } });

const hr = (condition: string, name = 'hr') =>
  document(`kind: Policy
name: ${name}
title: Human resources
rules:
  - name: read
    effect: allow
    actions: [fetch, list]
    resources: { types: [SQLSchema], keys: [hr*] }
    condition: '${condition}'
    obligations:
      - mask: { fields: { pointers: [/salary], tags: [pii] }, keepLast: 2 }
      - capAge: { age: 5m }
`);

/** The refusal of a call: reason, code and the fields at fault. */
async function refusalOf(call: Promise<unknown>) {
  const error = await call.then(
    () => expect.unreachable('the call was not refused'),
    (thrown: unknown) => ConnectError.from(thrown),
  );
  const fields = error
    .findDetails(BadRequestSchema)
    .flatMap((detail) => detail.fieldViolations.map((one) => one.field));
  return { reason: reasonOf(error), code: error.code, text: error.rawMessage, fields };
}

const policyIn = (entries: ReadonlyMap<string, SnapshotEntry>, name: string) => {
  const body = entries.get(`policy/default/${name}`)?.body;
  return body?.case === 'policy' ? body.value : undefined;
};

describe('policies', () => {
  test('are put into force, and routers learn of them', async () => {
    const { policy } = weir.as();
    await using follower = await weir.watch();
    const put = await policy.putPolicy({ policy: hr('subject.clearance >= 1'), comment: 'first' });
    expect(put.policy).toMatchObject({
      tenant: 'default',
      version: 1,
      author: 'ann',
      comment: 'first',
      manifest: {
        name: 'hr',
        rules: [
          {
            effect: Effect.ALLOW,
            actions: [Action.FETCH, Action.LIST],
            obligations: [
              { kind: { case: 'mask', value: { keepLast: 2 } } },
              { kind: { case: 'capAge', value: { age: { seconds: 300n } } } },
            ],
          },
        ],
      },
    });
    await follower.until((entries) => policyIn(entries, 'hr')?.version === 1);
    expect(policyIn(follower.entries, 'hr')).toEqual(put.policy);
  });

  test('the same again makes no version; a change makes one', async () => {
    const { policy } = weir.as();
    const again = await policy.putPolicy({ policy: hr('subject.clearance >= 1') });
    expect(again.policy).toMatchObject({ version: 1, comment: 'first' });
    const changed = await policy.putPolicy({ policy: hr('subject.clearance >= 2') });
    expect(changed.policy?.version).toBe(2);
    expect(changed.policy?.etag).not.toBe(again.policy?.etag);
    const { policy: held } = await policy.getPolicy({ name: 'hr' });
    expect(held).toEqual(changed.policy);
    expect((await policy.getPolicy({ name: 'hr', version: 1 })).policy).toEqual(again.policy);
  });

  test('of two who change the same version, the second is told', async () => {
    const { policy } = weir.as();
    const { etag = '' } = (await policy.getPolicy({ name: 'hr' })).policy ?? {};
    const third = await policy.putPolicy({ policy: hr('subject.clearance >= 3'), etag });
    expect(third.policy?.version).toBe(3);
    const late = policy.putPolicy({ policy: hr('subject.clearance >= 4'), etag });
    expect(await refusalOf(late)).toMatchObject({ reason: Reason.ETAG_STALE, code: Code.Aborted });
    const nothingYet = policy.putPolicy({ policy: hr('true', 'new'), etag });
    expect(await refusalOf(nothingYet)).toMatchObject({ reason: Reason.ETAG_STALE });
  });

  test('a rollback makes a new version of an old one', async () => {
    const { policy } = weir.as();
    const { policy: back } = await policy.rollbackPolicy({ name: 'hr' });
    expect(back).toMatchObject({ version: 4, comment: 'rollback to version 2' });
    expect(back?.manifest?.rules[0]?.condition).toBe('subject.clearance >= 2');
    const first = await policy.rollbackPolicy({ name: 'hr', version: 1, comment: 'too strict' });
    expect(first.policy).toMatchObject({ version: 5, comment: 'too strict' });
    const same = await policy.rollbackPolicy({ name: 'hr', version: 5 });
    expect(same.policy?.version).toBe(5);
    const { versions } = await policy.listPolicyVersions({ name: 'hr' });
    expect(versions.map(({ version, inForce, rules }) => [version, inForce, rules])).toEqual([
      [5, true, 1],
      [4, false, 1],
      [3, false, 1],
      [2, false, 1],
      [1, false, 1],
    ]);
    expect(await refusalOf(policy.rollbackPolicy({ name: 'hr', version: 9 }))).toMatchObject({
      reason: Reason.NOT_FOUND,
    });
    expect(await refusalOf(policy.rollbackPolicy({ name: 'starter' }))).toMatchObject({
      reason: Reason.MALFORMED_REQUEST,
      fields: ['version'],
    });
  });

  test('are listed in pages, and taken out of force', async () => {
    const { policy } = weir.as();
    const first = await policy.listPolicies({ pageSize: 1 });
    expect(first.policies).toMatchObject([{ name: 'hr', title: 'Human resources', version: 5 }]);
    const next = await policy.listPolicies({ pageSize: 1, pageToken: first.nextPageToken });
    expect(next.policies.map(({ name }) => name)).toEqual(['starter']);
    expect(await refusalOf(policy.listPolicies({ pageSize: 101 }))).toMatchObject({
      reason: Reason.INVALID_PAGE,
    });
    await using follower = await weir.watch();
    await follower.until((entries) => policyIn(entries, 'hr') !== undefined);
    await policy.deletePolicy({ name: 'hr' });
    await follower.until((entries) => policyIn(entries, 'hr') === undefined);
    expect(await refusalOf(policy.deletePolicy({ name: 'hr' }))).toMatchObject({
      reason: Reason.NOT_FOUND,
    });
    expect(await refusalOf(policy.getPolicy({ name: 'hr', version: 1 }))).toMatchObject({
      reason: Reason.NOT_FOUND,
    });
  });

  test('belong to a tenant and to those who administer it', async () => {
    const { policy } = weir.as({ scopes: [Scope.READ, Scope.REGISTER] });
    for (const call of [
      () => policy.putPolicy({ policy: hr('true') }),
      () => policy.getPolicy({ name: 'starter' }),
      () => policy.listPolicies({}),
      () => policy.listPolicyVersions({ name: 'starter' }),
      () => policy.rollbackPolicy({ name: 'starter' }),
      () => policy.deletePolicy({ name: 'starter' }),
      () => policy.checkPolicies({}),
    ]) {
      expect(await refusalOf(call())).toMatchObject({ reason: Reason.SCOPE_MISSING });
    }
    await weir.as().admin.createTenant({ name: 'other' });
    const other = weir.as({ tenant: 'other', scopes: [Scope.ADMIN] }).policy;
    await other.putPolicy({ policy: hr('true', 'mine') });
    expect(await refusalOf(weir.as().policy.getPolicy({ name: 'mine' }))).toMatchObject({
      reason: Reason.NOT_FOUND,
    });
  });
});

describe('a change that would lock out who makes it', () => {
  const { ANY, ADMINISTER } = Action;
  const tenantAdmin = () => weir.as({ scopes: [Scope.ADMIN] }).policy;
  const policy = (rules: object[]) =>
    document(JSON.stringify({ kind: 'Policy', name: 'starter', rules }));
  const rule = (effect: string, more: object = {}) => ({
    ...{ name: `${effect}-it`, effect, actions: ['administer'] },
    ...more,
  });

  test.each([
    ['allows it to nobody', [rule('allow', { actions: ['fetch'] })], /no rule would allow it/],
    ['allows it to others', [rule('allow', { subjects: { principals: ['bob'] } })], /no rule/],
    [
      'allows other services',
      [rule('allow', { resources: { types: ['AdminService'] } })],
      /no rule/,
    ],
    ['denies it', [rule('allow'), rule('deny')], /starter\/deny-it would deny it/],
    ['cannot be decided', [rule('allow', { condition: 'resource.owner == "x"' })], /no rule/],
  ])('because it %s', async (_, rules, text) => {
    const refusal = await refusalOf(tenantAdmin().putPolicy({ policy: policy(rules) }));
    expect(refusal).toMatchObject({
      reason: Reason.INVALID_POLICY,
      text: expect.stringMatching(text),
    });
  });

  test('is refused when it takes the last way away, and not before', async () => {
    const service = tenantAdmin();
    const { policies } = await service.listPolicies({});
    expect(policies.map(({ name }) => name)).toContain('starter');
    expect(await refusalOf(service.deletePolicy({ name: 'starter' }))).toMatchObject({
      reason: Reason.IN_USE,
      code: Code.FailedPrecondition,
    });
    const mine = rule('allow', { subjects: { principals: ['ann'] } });
    const put = await service.putPolicy({ policy: policy([mine]) });
    expect(put.policy?.manifest?.rules[0]?.actions).toEqual([ADMINISTER]);
    const { remarks } = await service.checkPolicies({ policies: [policy([])] });
    expect(remarks).toMatchObject([{ policy: 'starter', text: expect.stringMatching(/any more/) }]);
    const back = await service.rollbackPolicy({ name: 'starter' });
    expect(back.policy?.manifest?.rules[0]?.actions).toEqual([ANY]);
  });

  test('is possible to who administers the platform, whom policies do not bind', async () => {
    const { policy: service } = weir.as();
    await service.putPolicy({ policy: policy([]) });
    await service.rollbackPolicy({ name: 'starter' });
  });
});

describe('faults of policies', () => {
  const put = (text: string) => refusalOf(weir.as().policy.putPolicy({ policy: document(text) }));

  test('are named with line and column, those of conditions too', async () => {
    const refusal = await put(`kind: Policy
name: Hr
rules:
  - name: read
    effect: permit
    actions: [fetch, reed]
    subjects: { rolls: [x] }
    condition: >-
      subject.clearance >= 2 &&
      subject.clearence < 4
  - name: read
    effect: deny
    actions: [fetch]
    condition: "resource.sensitivity == \\"high\\""
    obligations: [{ mask: { fields: { pointers: [salary] } } }]
`);
    expect(refusal).toMatchObject({ reason: Reason.INVALID_POLICY, code: Code.InvalidArgument });
    expect(refusal.fields).toEqual([
      '2:7 name',
      '5:13 rules[0].effect',
      '6:22 rules[0].actions[1]',
      '7:17 rules[0].subjects.rolls',
      '10:15 rules[0].condition',
      '11:11 rules[1].name',
      '14:17 rules[1].condition',
      '15:18 rules[1].obligations',
      '15:50 rules[1].obligations[0].mask.fields.pointers[0]',
    ]);
  });

  test('of a message are named by path', async () => {
    const rules = [{ name: 'a', effect: Effect.ALLOW, actions: [Action.FETCH], condition: '1 +' }];
    const value = { name: 'p', rules };
    const source = { case: 'manifest' as const, value };
    const refusal = await refusalOf(weir.as().policy.putPolicy({ policy: { source } as never }));
    expect(refusal).toMatchObject({
      reason: Reason.INVALID_POLICY,
      fields: ['rules[0].condition'],
      text: expect.stringMatching(/^rules\[0\]\.condition: at character \d+: /),
    });
  });

  test('of several policies say in which', async () => {
    const good = hr('true');
    const bad = document('kind: Policy\nname: other\nrules: [{ name: r, effect: allow }]\n');
    const { policy } = weir.as();
    const refusal = await refusalOf(policy.checkPolicies({ policies: [good, bad, bad] }));
    expect(refusal.reason).toBe(Reason.INVALID_POLICY);
    expect(refusal.fields).toEqual([
      expect.stringMatching(/^policies\[1\] 3:9 rules\[0\]/),
      expect.stringMatching(/^policies\[2\] 3:9 rules\[0\]/),
    ]);
    expect(await refusalOf(policy.checkPolicies({ policies: [good, good] }))).toMatchObject({
      reason: Reason.MALFORMED_REQUEST,
      fields: ['policies[1]'],
    });
    const many = Array.from({ length: 101 }, () => good);
    expect(await refusalOf(policy.checkPolicies({ policies: many }))).toMatchObject({
      fields: ['policies'],
    });
  });

  test.each([
    ['nothing', '', /^1:1: the document is empty/],
    ['another kind', 'kind: Provider\nname: a\n', /^1:7 kind: .*kind Policy/],
    ['a bomb of aliases', bomb(), /more than 100000 values/],
    ['a field twice', 'kind: Policy\nname: a\nname: b\n', /^3:1: .*second time/],
    ['too deep', `a: ${'['.repeat(100)}`, /nested deeper/],
    ['too large', `# ${'x'.repeat(512 * 1024)}`, /larger than 512 KiB/],
    ['a text that is a number', 'kind: Policy\nname: 7\n', /^2:7 name: has to be text; quote it/],
  ])('%s', async (_, text, wanted) => {
    const refusal = await put(text);
    expect(refusal.reason).toBe(Reason.INVALID_POLICY);
    expect(refusal.text).toMatch(wanted);
  });

  test('are found in the largest policies in time', async () => {
    const condition = (i: number) =>
      `subject.clearance >= 2 && resource.labels["team"] in ["a${i}", "b"] && hasRole("r${i}")`;
    const rules = Array.from({ length: 2000 }, (_, i) => ({
      ...{ name: `r${i}`, effect: 'allow', actions: ['fetch'] },
      ...{ subjects: { roles: [`r${i}`] }, condition: condition(i) },
    }));
    const text = JSON.stringify({ kind: 'Policy', name: 'large', rules });
    const { policy } = weir.as();
    const { policies } = await policy.checkPolicies({ policies: [document(text)] });
    expect(policies[0]?.manifest?.rules).toHaveLength(2000);
    expect((await put(text.replace('hasRole(\\"r1999\\")', 'hasRule(1)'))).fields).toEqual([
      expect.stringMatching(/^1:\d+ rules\[1999\]\.condition$/),
    ]);
  }, 20_000);

  test('a request without a policy, or with a long comment', async () => {
    const { policy } = weir.as();
    expect(await refusalOf(policy.putPolicy({}))).toMatchObject({
      reason: Reason.MALFORMED_REQUEST,
    });
    const comment = 'x'.repeat(501);
    expect(await refusalOf(policy.putPolicy({ policy: hr('true'), comment }))).toMatchObject({
      reason: Reason.MALFORMED_REQUEST,
      fields: ['comment'],
    });
  });

  test('documents made to take minutes are refused in seconds', async () => {
    const condition = `${'('.repeat(1000)}true${')'.repeat(1000)}`;
    expect((await put(oneRule({ condition }))).reason).toBe(Reason.INVALID_POLICY);
    const patterns = Array.from({ length: 16 }, (_, i) => ({
      name: `p${i}`,
      expression: '((a{100}){100}){100}',
    }));
    const obligations = Array.from({ length: 16 }, () => ({ redact: { patterns } }));
    expect((await put(oneRule({ obligations }))).reason).toBe(Reason.INVALID_POLICY);
    const rules = Array.from({ length: 20_000 }, (_, i) => ({ name: `r${i}` }));
    expect((await put(JSON.stringify({ name: 'p', rules }))).reason).toBe(Reason.INVALID_POLICY);
  }, 20_000);
});

describe('checking policies', () => {
  test('tells what they would be, and keeps nothing', async () => {
    const { policy } = weir.as();
    await policy.putPolicy({ policy: hr('true', 'kept') });
    const answer = await policy.checkPolicies({
      policies: [hr('true', 'kept'), hr('false', 'tried')],
    });
    expect(answer.policies.map(({ manifest, version }) => [manifest?.name, version])).toEqual([
      ['kept', 1],
      ['tried', 1],
    ]);
    const changed = await policy.checkPolicies({ policies: [hr('false', 'kept')] });
    expect(changed.policies[0]?.version).toBe(2);
    expect(await refusalOf(policy.getPolicy({ name: 'tried' }))).toMatchObject({
      reason: Reason.NOT_FOUND,
    });
  });

  test('remarks on rules for nobody and on rules that never allow', async () => {
    const { admin, policy } = weir.as();
    const attributes = { roles: ['lead'] };
    await admin.createPrincipal({ name: 'lin', kind: 1, attributes });
    const tried = document(`kind: Policy
name: tried
roles:
  - { name: lead, includes: [clerk] }
rules:
  - { name: fine, effect: allow, actions: [fetch], subjects: { roles: [clerk, admin], principals: [lin] } }
  - { name: nobody, effect: allow, actions: [list], subjects: { roles: [clark], principals: [max] } }
  - { name: shut, effect: deny, actions: [call], resources: { types: [Sql*] } }
  - { name: never, effect: allow, actions: [call], resources: { types: [SqlTable], keys: [a] } }
  - { name: partly, effect: allow, actions: [call, fetch], resources: { types: [SqlTable] } }
  - { name: wider, effect: allow, actions: [call], resources: { types: ["S*"] } }
`);
    const { remarks } = await policy.checkPolicies({ policies: [tried] });
    expect(remarks.map(({ policy: name, rule, text }) => `${name}/${rule}: ${text}`)).toEqual([
      'tried/nobody: there is no principal max',
      'tried/nobody: no principal has the role clark',
      'tried/never: never allows anything: tried/shut denies all of it',
    ]);
  });
});

function oneRule(more: object): string {
  const rule = { name: 'r', effect: 'allow', actions: ['fetch'], ...more };
  return JSON.stringify({ kind: 'Policy', name: 'p', rules: [rule] });
}

function bomb(): string {
  const levels = Array.from({ length: 12 }, (_, i) => {
    const inner = i === 0 ? '"x"' : `*l${i - 1}`;
    return `l${i}: &l${i} [${Array(9).fill(inner).join(', ')}]`;
  });
  return levels.join('\n');
}
