import { create, type JsonObject } from '@bufbuild/protobuf';
import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext } from '@connectrpc/connect';
import { type Caller, callerOf, parsePrincipalName, refuse, requireScope } from '@weir/kit';
import { type ActionName, actionName, indexPolicies, type PolicyIndex } from '@weir/policy';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Action, Effect, type Policy, PolicySchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import {
  type Decision,
  PolicyService,
  type TestPoliciesRequest,
  TestPoliciesResponseSchema,
} from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { FetchContextRequestSchema } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { type AnswerDeps, answer } from '../answer.ts';
import { type Circumstances, createAuthority, type Slot } from '../authorise.ts';
import { parseBatch, parsePurpose, type Ref } from '../batch.ts';
import { decisionOf } from '../decision.ts';
import { timeOf } from '../gather/bounds.ts';
import type { Outcome } from '../outcome.ts';
import { planRef } from '../plan.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { requireAllowed } from './administer.ts';
import { callRegistry, type ForwardDeps } from './forward.ts';
import { recorded } from './record.ts';

const NAME_SHOWN_CHARS = 63;

/** Lets the items be fetched whose attributes matter: they are decided on, and not returned. */
const everything = indexPolicies([
  create(PolicySchema, {
    manifest: {
      name: 'everything',
      rules: [{ name: 'everything', effect: Effect.ALLOW, actions: [Action.ANY] }],
    },
  }),
]);

/** TestPolicies: decides refs as a principal's, under policies that are not in force. */
export function testPolicies(deps: AnswerDeps & ForwardDeps) {
  return (request: TestPoliciesRequest, context: HandlerContext) =>
    recorded(deps, context, async () => {
      const caller = callerOf(context);
      requireScope(caller, Scope.ADMIN);
      const items = requireAllowed(PolicyService.method.testPolicies, deps, caller);
      const snapshot = deps.holder.current;
      requireKnown(snapshot, caller.tenant, request.without);
      const tried = { ...request, policies: await checked(deps, request, context) };
      const inForce = snapshot.tenants.get(caller.tenant)?.policy;
      const index = indexPolicies(policiesOf(snapshot, caller.tenant, tried), inForce);
      const decisions = await decideRefs(deps, withPolicy(snapshot, caller.tenant, index), {
        request,
        caller,
        context,
      });
      const target = request.subject?.principal ?? '';
      return {
        answer: create(TestPoliciesResponseSchema, { decisions }),
        record: { target, items },
      };
    });
}

/** The policies of the request, as the registry would keep them. */
async function checked(
  deps: ForwardDeps,
  { policies }: TestPoliciesRequest,
  context: HandlerContext,
): Promise<readonly Policy[]> {
  if (policies.length === 0) return [];
  const method = PolicyService.method.checkPolicies;
  return (await callRegistry(method, deps, create(method.input, { policies }), context)).policies;
}

/** What is left out by a name that nothing has is a mistake. */
function requireKnown(snapshot: Snapshot, tenant: string, without: readonly string[]): void {
  const unknown = without.find((name) => {
    return snapshot.entries.get(tenant)?.get(`policy/${tenant}/${name}`) === undefined;
  });
  if (unknown === undefined) return;
  const shown = JSON.stringify(unknown.slice(0, NAME_SHOWN_CHARS)).toWellFormed();
  throw refuse(Reason.NOT_FOUND, `without: there is no policy ${shown} in force`);
}

function* policiesOf(
  snapshot: Snapshot,
  tenant: string,
  { policies, without }: { policies: readonly Policy[]; without: readonly string[] },
): Generator<Policy> {
  const replaced = new Set([...without, ...policies.map(({ manifest }) => manifest?.name ?? '')]);
  for (const { body } of snapshot.entries.get(tenant)?.values() ?? []) {
    if (body.case !== 'policy' || replaced.has(body.value.manifest?.name ?? '')) continue;
    yield body.value;
  }
  yield* policies.filter(({ manifest }) => !without.includes(manifest?.name ?? ''));
}

/** The snapshot as it would be with another policy of a tenant. */
function withPolicy(snapshot: Snapshot, tenant: string, policy: PolicyIndex): Snapshot {
  const view = snapshot.tenants.get(tenant);
  if (!view) return snapshot;
  return { ...snapshot, tenants: new Map(snapshot.tenants).set(tenant, { ...view, policy }) };
}

interface Trial {
  readonly request: TestPoliciesRequest;
  readonly caller: Caller;
  readonly context: HandlerContext;
}

async function decideRefs(
  deps: AnswerDeps,
  snapshot: Snapshot,
  { request, caller, context }: Trial,
): Promise<Decision[]> {
  const subject = subjectCaller(snapshot, caller, request);
  const circumstances: Circumstances = {
    purpose: parsePurpose(request.purpose),
    nowMs: request.time ? parseTime(request.time) : deps.clock.wallMs(),
  };
  const authority = createAuthority(snapshot, subject, circumstances);
  const by = { snapshot, tenant: caller.tenant, consumer: undefined, explain: false };
  const { refs } = parseBatch(create(FetchContextRequestSchema, { refs: request.refs }));
  const tried = refs.map((ref) => {
    const [offer] = planRef(ref, { ...by, mayKnow: () => true }).routes;
    const provider = offer?.provider ?? { tenant: caller.tenant, name: ref.provider };
    const asked = authority.access(actionOf(request), ref.type);
    const verdict = asked.decide(provider, ref.key, request.item);
    return { ref, provider, asked, verdict };
  });
  const open = tried.filter(({ verdict }) => verdict.effect === 'conditional');
  const items = await itemsOf(
    deps,
    snapshot,
    open.map(({ ref }) => ref),
    { caller, context },
  );
  return tried.map(({ ref, asked, verdict }) => {
    const item = items.get(ref);
    const { offer, entry } = item?.slot ?? {};
    if (!item) return decisionOf(verdict, asked.reads);
    if (!offer || !entry) return decisionOf(verdict, asked.reads, whyNot(item.outcome));
    const owner = offer.provider;
    return decisionOf(asked.decide(owner, ref.key, entry.facts), asked.reads);
  });
}

function parseTime(time: Timestamp): number {
  if (timeOf(time)) return timestampMs(time);
  throw refuse(Reason.MALFORMED_REQUEST, 'time is none of the years 1 to 9999; give another');
}

function whyNot(outcome: Outcome): string {
  return outcome.kind === 'refused' ? outcome.refusal.text : '';
}

/** The caller that a call of the subject's would have. */
function subjectCaller(
  snapshot: Snapshot,
  caller: Caller,
  { subject, network }: TestPoliciesRequest,
): Caller {
  const principal = parsePrincipalName('subject.principal', subject?.principal ?? '');
  const held = snapshot.tenants.get(caller.tenant)?.principals.get(principal);
  const attributes: JsonObject = subject?.attributes ?? held?.attributes ?? {};
  return {
    tenant: caller.tenant,
    principal,
    consumer: subject?.consumer ?? '',
    keyId: '',
    scopes: new Set(),
    permits: [],
    authentication: authenticationOf(subject?.authentication ?? ''),
    network: network || caller.network,
    attributes,
  };
}

function authenticationOf(text: string): Caller['authentication'] {
  if (text === '' || text === 'key') return 'key';
  if (text === 'token' || text === 'certificate' || text === 'registration') return text;
  const wanted = 'give "key", "token", "certificate" or "registration"';
  throw refuse(Reason.MALFORMED_REQUEST, `subject.authentication is unknown; ${wanted}`);
}

function actionOf({ action }: TestPoliciesRequest): ActionName {
  const name = actionName(action || Action.FETCH);
  if (name) return name;
  throw refuse(Reason.MALFORMED_REQUEST, 'action is not one that is done; give one of them');
}

/** Items by their refs, asked for in the administrator's name. */
async function itemsOf(
  deps: AnswerDeps,
  snapshot: Snapshot,
  refs: readonly Ref[],
  { caller, context }: Pick<Trial, 'caller' | 'context'>,
): Promise<Map<Ref, { slot: Slot; outcome: Outcome }>> {
  if (refs.length === 0) return new Map();
  const current = withPolicy(snapshot, caller.tenant, everything);
  // What is tried is decided on one snapshot, whatever comes meanwhile.
  const holder = { ...deps.holder, current };
  const asked = {
    caller: { ...caller, permits: [] },
    signal: context.signal,
    timeoutMs: context.timeoutMs(),
  };
  const fetch = create(FetchContextRequestSchema, { refs: [...refs] });
  const { slots, outcomes } = await answer({ ...deps, holder }, fetch, asked);
  const items = new Map<Ref, { slot: Slot; outcome: Outcome }>();
  slots.forEach((slot, index) => {
    const [ref, outcome] = [refs[index], outcomes[index]];
    if (ref && outcome) items.set(ref, { slot, outcome });
  });
  return items;
}
