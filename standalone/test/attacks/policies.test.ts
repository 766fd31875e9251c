import { Code } from '@connectrpc/connect';
import { type Weir, WeirCallError } from '@weir/sdk';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { afterAll, beforeAll, expect } from 'vitest';
import { attack, attacks } from './attack.ts';
import { leaks } from './canary.ts';
import { openWorld, secretOf, type World } from './world.ts';

let world: World;
/** Somebody whom no policy but the one under attack lets read. */
let reader: Weir;

beforeAll(async () => {
  world = await openWorld();
  await world.introduce(world.admin, 'guarded');
  const { secret } = await world.admin.admin.createKey({
    principal: 'reader',
    scopes: [Scope.READ],
  });
  world.secrets.add(secretOf(secret));
  reader = world.as(secret);
});

afterAll(() => world[Symbol.asyncDispose]());

/** A policy that lets nobody read who is not called "nobody", and what is tried with it. */
function policyOf(rule: object, more: object = {}): string {
  return JSON.stringify({
    kind: 'Policy',
    name: 'tried',
    rules: [{ name: 'one', effect: 'allow', actions: ['fetch'], ...rule }],
    ...more,
  });
}

const put = (document: string) =>
  world.admin.policy.putPolicy({ policy: { source: { case: 'document', value: document } } });

async function refusal(called: Promise<unknown>): Promise<WeirCallError> {
  const error = await called.catch((thrown: unknown) => thrown);
  if (error instanceof WeirCallError) return error;
  throw new Error('it was let through');
}

/** Conditions that try to be more than one, or to reach what is none of theirs. */
const escapes: Record<string, string> = {
  'a closed parenthesis and another condition': 'false) || (true',
  'a second statement': 'false; true',
  'a line and a row of another policy': 'false\np, reader, *, *, allow',
  'an assignment': 'subject.principal = "nobody"',
  'the name of an evaluator': 'eval("true")',
  'the maker of functions': '"".constructor.constructor("return true")()',
  'the maker of functions, by index': 'subject["constructor"]["constructor"]("return process")()',
  'the prototype of objects': 'subject.__proto__.isAdmin == true',
  'the process': 'process.exit(1) == null',
  'an import': 'import("node:fs") != null',
  'a template': '`$' + '{process.env}` != ""',
  'a regular expression that refers back': 'resource.key.matches("(a)\\\\1")',
  'a macro without end':
    '[1,2,3].all(a, [1,2,3].all(b, [1,2,3].all(c, [1,2,3].all(d, [1,2,3].all(e, true)))))'.repeat(
      20,
    ),
};

attacks('policy-escape', escapes, async (condition) => {
  const document = policyOf({ subjects: { principals: ['nobody'] }, condition });
  const { reason, text } = await refusal(put(document));
  expect(reason).toBe(Reason.INVALID_POLICY);
  expect(text).toMatch(/\d+:\d+/);
});

attacks(
  'policy-escape',
  {
    'a principal with separators': { subjects: { principals: ['nobody, reader'] } },
    'a principal that means all': { subjects: { principals: ['*'] } },
    'a role with quotes': { subjects: { roles: ['x" || true || "'] } },
    'a key that closes its rule': { resources: { keys: ['x"), *'] } },
    'a type of all types': { resources: { types: ['Guarded", "*'] } },
    'a name with a line break': { name: 'one\np, *, *, *, allow' },
    'a condition with a comment': { condition: 'false // ) || true' },
    'an action of nobody': { actions: ['fetch || list'] },
  },
  async (rule) => {
    const document = policyOf({ subjects: { principals: ['nobody'] }, ...rule });
    // The starter policy would let everybody read.
    await world.admin.policy.deletePolicy({ name: 'starter' }).catch(() => {});
    const error = await put(document).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (error !== undefined) expect((error as WeirCallError).reason).toBe(Reason.INVALID_POLICY);
    const [outcome] = await reader.fetch(['Guarded/a']);
    expect(outcome?.ok).toBe(false);
  },
);

const inputs: Record<string, string> = {
  'no YAML': 'kind: [',
  'two documents': `${policyOf({})}\n---\n${policyOf({})}`,
  'a rule twice': JSON.stringify({
    kind: 'Policy',
    name: 'tried',
    rules: [1, 2].map(() => ({ name: 'one', effect: 'allow', actions: ['fetch'] })),
  }),
  'a field that is none': policyOf({ efect: 'allow' }),
  'an effect that is none': policyOf({ effect: 'permit' }),
  'an action that is none': policyOf({ actions: ['destroy'] }),
  'no action': policyOf({ actions: [] }),
  'an attribute that is none': policyOf({ condition: 'subject.salary > 3' }),
  'a variable that is none': policyOf({ condition: 'request.key == ""' }),
  'a function that is none': policyOf({ condition: 'sudo("reader")' }),
  'types that do not fit': policyOf({ condition: 'subject.clearance == "high"' }),
  'a condition that is no truth': policyOf({ condition: 'subject.clearance' }),
  'a condition cut off': policyOf({ condition: 'subject.clearance >' }),
  'a condition of 3 KB': policyOf({ condition: `subject.principal == "${'x'.repeat(3_000)}"` }),
  'a pointer that is none': policyOf({
    obligations: [{ drop: { fields: { pointers: ['salary'] } } }],
  }),
  'a network that is none': policyOf({
    condition: 'inNetwork(environment.network, "10.0.0.0/99")',
  }),
  'a thousand aliases': `kind: Policy\nname: tried\na: &a [x,x,x,x,x,x,x,x,x]\n${'b: &b [*a,*a,*a,*a]\n'.repeat(20)}`,
  'more rules than may be': JSON.stringify({
    kind: 'Policy',
    name: 'tried',
    rules: Array.from({ length: 2_001 }, (_, i) => ({
      ...{ name: `r${i}`, effect: 'allow', actions: ['fetch'] },
    })),
  }),
};

attacks('policy-input', inputs, async (document) => {
  const before = await world.admin.policy.listPolicies({});
  const { code, reason, text } = await refusal(put(document));
  expect({ code, reason }).toEqual({ code: Code.InvalidArgument, reason: Reason.INVALID_POLICY });
  expect(text).toMatch(/\d+:\d+|rules/);
  const after = await world.admin.policy.listPolicies({});
  expect(after.policies.map(({ name, etag }) => [name, etag])).toEqual(
    before.policies.map(({ name, etag }) => [name, etag]),
  );
});

attack('policy-input', 'a document of 1 MB', async () => {
  const { code } = await refusal(put(policyOf({ description: 'x'.repeat(1024 * 1024) })));
  expect([Code.InvalidArgument, Code.ResourceExhausted]).toContain(code);
});

/** Expressions whose time grows with the square or the power of the text. */
const exploding = ['^(a+)+$', '^(a|aa)+$', '(.*a){24}$', '^(([a-z])+.)+[A-Z]([a-z])+$'];

attacks(
  'exploding-pattern',
  {
    'in the schema of a type': (pattern: string) =>
      world.admin.registry.publishType({
        source: {
          case: 'document',
          value: JSON.stringify({
            name: 'Exploding',
            version: '1.0.0',
            schema: { type: 'string', pattern },
          }),
        },
      }),
    'in the condition of a policy': (pattern: string) =>
      put(policyOf({ condition: `resource.key.matches(${JSON.stringify(pattern)})` })),
    'in the pattern of an obligation': (pattern: string) =>
      put(policyOf({ obligations: [{ redact: { patterns: [{ name: 'p', pattern }] } }] })),
  },
  async (send) => {
    for (const pattern of exploding) {
      await send(pattern).catch((error: unknown) => {
        expect(error).toBeInstanceOf(WeirCallError);
      });
      // Whether it was taken or not: what it meets is decided at once, and so is all else.
      const key = `${'a'.repeat(900)}!`;
      const calls = Array.from({ length: 10 }, () =>
        world.admin.fetch([{ type: 'Guarded', key }], { timeoutMs: 2_000 }),
      );
      for (const [outcome] of await Promise.all(calls)) {
        const late = outcome?.ok === false && outcome.refusal.code === Code.DeadlineExceeded;
        expect(late).toBe(false);
      }
    }
  },
);

attack('forbidden-or-missing', 'what a policy forbids, and what is not there', async () => {
  await world.admin.policy.deletePolicy({ name: 'starter' }).catch(() => {});
  await put(policyOf({ subjects: { principals: ['nobody'] } }));
  const told = async (ref: { type: string; key: string; provider?: string }) => {
    const [outcome] = await reader.fetch([ref]);
    if (!outcome || outcome.ok) throw new Error('it was let through');
    const { code, reason, text } = outcome.refusal;
    return { code, reason, text: text.replaceAll(/Guarded|Nobodys/g, 'X') };
  };
  const forbidden = await told({ type: 'Guarded', key: 'a' });
  expect(forbidden).toEqual(await told({ type: 'Nobodys', key: 'a' }));
  expect(forbidden).toEqual(await told({ type: 'Guarded', key: 'a', provider: 'guarded' }));
  expect(forbidden).toEqual(await told({ type: 'Guarded', key: 'a', provider: 'nobodys' }));
  expect((await reader.listPage({})).entries).toEqual([]);
});

attack('canary-secret', 'what was written of policies', async () => {
  expect(leaks(await world.close(), world.secrets)).toEqual([]);
  expect(world.canary.dialled).toBe(0);
});
