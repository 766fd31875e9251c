import { readFileSync } from 'node:fs';
import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Action, Effect, PolicySchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type {
  DiffPoliciesRequest,
  TestPoliciesRequest,
} from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { PrincipalKind } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { runWeir, type World } from '../../test/run-weir.ts';
import { type Answers, serveWeir, weirError } from '../../test/weir-server.ts';

const rules = 'kind: Policy\nname: hr\nrules: []\n';
const since = timestampFromMs(Date.parse('2027-01-31T18:00:00Z'));

const held = create(PolicySchema, {
  version: 3,
  etag: 'e3',
  author: 'ann',
  comment: 'no salaries',
  createTime: since,
  manifest: {
    name: 'hr',
    rules: [
      {
        name: 'read',
        effect: Effect.ALLOW,
        actions: [Action.FETCH, Action.LIST],
        resources: { types: ['SQLSchema'] },
        condition: 'subject.clearance >= 2',
        obligations: [{ kind: { case: 'mask', value: { fields: { pointers: ['/salary'] } } } }],
      },
    ],
  },
});

const summary = {
  ...{ name: 'hr', title: 'Human resources', version: 3, rules: 1, etag: 'e3' },
  ...{ createTime: since, author: 'ann', comment: 'no salaries', inForce: true },
};

let tested: TestPoliciesRequest[];
let diffed: DiffPoliciesRequest[];
let put: { comment: string; etag: string }[];

beforeEach(() => {
  tested = [];
  diffed = [];
  put = [];
});

const policy: NonNullable<Answers['policy']> = {
  checkPolicies({ policies }) {
    const faults = policies.flatMap(({ source }, i) =>
      source.case === 'document' && source.value.includes('bad')
        ? [{ field: `policies[${i}] 4:5 rules[0].effect`, description: 'say what it does' }]
        : [],
    );
    if (faults.length > 0) {
      throw weirError(Code.InvalidArgument, Reason.INVALID_POLICY, 'faults', faults);
    }
    const remarks = [{ policy: 'hr', rule: 'read', text: 'no principal has the role clerk' }];
    return { policies: [held], remarks };
  },
  putPolicy({ comment, etag }) {
    put.push({ comment, etag });
    return { policy: held };
  },
  getPolicy: () => ({ policy: held }),
  listPolicies: () => ({ policies: [summary] }),
  listPolicyVersions: () => ({
    versions: [summary, { ...summary, version: 2, inForce: false, etag: 'e2' }],
  }),
  rollbackPolicy: ({ version }) => ({ policy: { ...held, version: version + 3 } }),
  deletePolicy: () => ({}),
  testPolicies(request) {
    tested.push(request);
    const allowed = { effect: Effect.ALLOW, rules: ['hr/read'], reads: ['resource.sensitivity'] };
    const [rule] = held.manifest?.rules ?? [];
    const mask = rule?.obligations ?? [];
    const age = { kind: { case: 'capAge' as const, value: { age: durationFromMs(60_000) } } };
    return {
      decisions: request.refs.map(({ key }) =>
        key === 'hr'
          ? { ...allowed, obligations: [...mask, age] }
          : { effect: Effect.DENY, text: 'no rule allows it' },
      ),
    };
  },
  diffPolicies(request) {
    diffed.push(request);
    const [rule] = held.manifest?.rules ?? [];
    const before = { effect: Effect.ALLOW, rules: ['starter/everybody'] };
    const after = {
      effect: Effect.ALLOW,
      rules: ['hr/read'],
      obligations: rule?.obligations ?? [],
    };
    const change = { principal: 'lin', action: Action.FETCH, type: 'SQLSchema', items: 12n };
    return {
      changes: [{ ...change, before, after, keys: ['hr', 'pay'] }],
      items: 100n,
      changedItems: 12n,
      undecidedItems: 1n,
      oldest: since,
    };
  },
};

const admin: NonNullable<Answers['admin']> = {
  listPrincipals: () => ({
    principals: [
      { name: 'lin', kind: PrincipalKind.USER },
      { name: 'user:max', kind: PrincipalKind.SERVICE },
      { name: 'max', kind: PrincipalKind.USER },
    ],
  }),
};

async function weir(args: string[], world: World = { stdin: rules }) {
  await using server = await serveWeir({ policy, admin });
  return await runWeir(['policy', ...args, '--url', server.url], world);
}

describe('weir policy', () => {
  test('check tells what would be, and what to look at', async () => {
    expect(await weir(['check', '-'])).toEqual({
      code: 0,
      out: 'ok hr  1 rule; would be version 3\n  read: no principal has the role clerk\n',
      err: '',
    });
    const json = JSON.parse((await weir(['check', '-', '--json'])).out);
    expect(json.policies[0].manifest.name).toBe('hr');
  });

  test('faults have file, line and column, and end with 2', async () => {
    expect(await weir(['check', '-'], { stdin: 'name: bad' })).toEqual({
      code: 2,
      out: '',
      err: 'weir: <stdin> has 1 fault:\n  <stdin>:4:5 rules[0].effect: say what it does\n',
    });
  });

  test('put says which version is in force, and why it came', async () => {
    const ran = await weir(['put', '-', '-m', 'no salaries', '--etag', 'e2']);
    expect(ran).toEqual({ code: 0, out: 'in force: hr, version 3\n', err: '' });
    expect(put).toMatchObject([{ comment: 'no salaries', etag: 'e2' }]);
    expect(await weir(['put', 'a', 'b', '--etag', 'e'])).toMatchObject({ code: 2, out: '' });
    expect((await weir(['put', 'nope.yaml'])).err).toContain('nope.yaml does not exist');
  });

  test('list and versions are tables', async () => {
    expect((await weir(['list'])).out).toBe(
      'NAME  VERSION  RULES  IN FORCE SINCE        AUTHOR  TITLE            COMMENT\n' +
        'hr          3      1  2027-01-31 18:00:00Z  ann     Human resources  no salaries\n',
    );
    expect((await weir(['versions', 'hr'])).out).toBe(
      'VERSION  IN FORCE  RULES  SINCE                 AUTHOR  COMMENT      ETAG\n' +
        '      3  yes           1  2027-01-31 18:00:00Z  ann     no salaries  e3\n' +
        '      2                1  2027-01-31 18:00:00Z  ann     no salaries  e2\n',
    );
  });

  test('get writes a document that can be put again', async () => {
    const { out } = await weir(['get', 'hr@3']);
    expect(out).toContain('# hr, version 3\n# put into force 2027-01-31 18:00:00Z by ann\n');
    expect(parse(out)).toEqual({
      kind: 'Policy',
      name: 'hr',
      rules: [
        {
          name: 'read',
          effect: 'allow',
          actions: ['fetch', 'list'],
          resources: { types: ['SQLSchema'] },
          condition: 'subject.clearance >= 2',
          obligations: [{ mask: { fields: { pointers: ['/salary'] } } }],
        },
      ],
    });
    expect((await weir(['get', 'hr@new'])).code).toBe(2);
  });

  test('rollback and delete', async () => {
    expect((await weir(['rollback', 'hr'])).out).toBe('in force: hr, version 3\n');
    expect((await weir(['rollback', 'hr', '--to', '1'])).out).toBe('in force: hr, version 4\n');
    expect((await weir(['delete', 'hr'])).out).toBe('deleted hr\n');
  });
});

describe('weir policy test', () => {
  test('says what is decided and why, and ends with 1 when something is denied', async () => {
    const args = ['test', '-', '--as', 'lin', '--fetch', 'SQLSchema/hr', 'SQLSchema/pay'];
    expect(await weir(args)).toEqual({
      code: 1,
      out:
        'allowed SQLSchema/hr\n' +
        '  rules  hr/read\n' +
        '  with   mask /salary\n' +
        '  with   no older than 1 min\n' +
        '  reads  resource.sensitivity\n' +
        'denied SQLSchema/pay\n' +
        '  no rule allows it\n',
      err: '',
    });
    expect(tested[0]).toMatchObject({ subject: { principal: 'lin' }, action: Action.FETCH });
    expect(tested[0]?.policies[0]?.source.value).toBe(rules);
    expect(tested[0]?.item).toBeUndefined();
  });

  test('as whom, when, from where, and with what items', async () => {
    const ran = await weir([
      ...['test', '--as', 'bot', '--list', 'DocChunk/hr', '--without', 'starter'],
      ...['--attribute', 'roles=guest, clerk', '--attribute', 'clearance=2'],
      ...['--attribute', 'project=apollo', '--purpose', 'billing', '--network', '10.0.0.1'],
      ...['--time', '2027-01-31T18:00:00Z', '--sensitivity', 'restricted', '--label', 'team=hr'],
    ]);
    expect(ran.code).toBe(0);
    const [request] = tested;
    expect(request).toMatchObject({
      policies: [],
      without: ['starter'],
      action: Action.LIST,
      purpose: 'billing',
      network: '10.0.0.1',
      subject: {
        principal: 'bot',
        attributes: { roles: ['guest', 'clerk'], clearance: 2, project: 'apollo' },
      },
      item: { sensitivity: Sensitivity.RESTRICTED, labels: { team: 'hr' } },
    });
    expect(request?.time && timestampDate(request.time).toISOString()).toBe(
      '2027-01-31T18:00:00.000Z',
    );
  });

  test.each([
    ['user:lin', 'lin'],
    ['user:max', 'user:max'],
    ['agent:nobody', 'nobody'],
    ['team:lin', 'team:lin'],
  ])('%s is the principal %s', async (text, name) => {
    expect(await weir(['test', '--as', text, '--fetch', 'SQLSchema/hr'])).toMatchObject({
      code: 0,
    });
    expect(tested[0]?.subject?.principal).toBe(name);
  });

  test.each([
    [['--as', 'agent:lin', '--fetch', 'A/b'], 'The principal lin is no agent.'],
    [['--as', 'lin'], 'Say what is done with one of --fetch, --list'],
    [['--as', 'lin', '--fetch', 'A/b', '--call', 'A/b'], 'Say what is done with one of'],
    [['--as', 'lin', '--fetch', 'rules.yaml'], 'has no key'],
    [['--fetch', 'A/b'], "required option '--as <principal>' not specified"],
    [['--as', 'lin', '--fetch', 'A/b', '--time', 'noon'], 'Write a time as in'],
    [['--as', 'lin', '--fetch', 'A/b', '--label', 'x'], 'Write a name and a value'],
    [['--as', 'lin', '--fetch', 'A/b', '--sensitivity', 'x'], 'There are public, internal'],
  ])('wrong usage: %j', async (args, text) => {
    const ran = await weir(['test', ...args]);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toContain(text);
    expect(tested).toEqual([]);
  });
});

test('weir policy diff', async () => {
  const args = ['diff', '-', '--from', '2027-01-30', '--to', '2027-01-31', '--max-items', '5'];
  expect((await weir(args)).out).toBe(
    'ITEMS  PRINCIPAL  ACTION  TYPE       BEFORE                        AFTER                                 KEYS\n' +
      '   12  lin        fetch   SQLSchema  allowed by starter/everybody  allowed by hr/read with mask /salary  hr, pay\n' +
      '12 of 100 items since 2027-01-31 18:00:00Z would be decided otherwise. 1 could not be decided from their records.\n',
  );
  expect(diffed[0]).toMatchObject({ maxItems: 5 });
  expect(diffed[0]?.from && timestampDate(diffed[0].from).toISOString()).toMatch(/^2027-01-30/);
});

describe('what docs/policy.md shows', () => {
  const guide = readFileSync(new URL('../../../docs/policy.md', import.meta.url), 'utf8');
  const lines = [...guide.matchAll(/^weir (policy .*?) +#/gm)].map(([, line = '']) => line);
  test('is shown', () => expect(lines.length).toBeGreaterThan(4));

  test.each(lines)('weir %s', async (line) => {
    const words = line.match(/"[^"]*"|\S+/g)?.map((word) => word.replaceAll('"', '')) ?? [];
    const args = words.slice(1).map((word) => (word === 'rules.yaml' ? '-' : word));
    expect(await weir(args)).toMatchObject({ code: 0, err: '' });
  });
});
