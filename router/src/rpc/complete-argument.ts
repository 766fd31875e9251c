import { create } from '@bufbuild/protobuf';
import { type CallContext, type Caller, callerOf, refuse, requireScope } from '@weir/kit';
import type { Verdict } from '@weir/policy';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { CompleteRequestSchema } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import {
  type CompleteArgumentRequest,
  CompleteArgumentResponseSchema,
  type TypeTemplate,
} from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { createAuthority } from '../authorise.ts';
import { parsePurpose } from '../batch.ts';
import { told } from '../gather/told.ts';
import type { Offer, ProviderVersion } from '../snapshot/catalogue.ts';
import { groupOf } from '../tools/groups.ts';
import { findTool, type ToolDeps } from '../tools/tools.ts';
import { refusedByUpstream } from '../upstream/upstream-errors.ts';
import { type RecordDeps, recorded } from './record.ts';

const VALUE_MAX_CHARS = 1024;
const KNOWN_MAX = 64;
const VALUES_MAX = 100;

/** CompleteArgument: what a provider suggests for a value that is being written. */
export function completeArgument(deps: ToolDeps & RecordDeps) {
  return (request: CompleteArgumentRequest, context: CallContext) =>
    recorded(deps, context, async () => {
      const caller = callerOf(context);
      const purpose = parsePurpose(request.purpose);
      checkSizes(request);
      const view = deps.holder.current.tenants.get(caller.tenant);
      const beyond = deps.limits.take(caller, view, 1);
      if (beyond) throw beyond;
      const { provider, of, tell } = subjectOf(deps, caller, request, purpose);
      const { refusal } = deps.limits.takeFrom(provider, 1);
      if (refusal) throw refusal;
      const { argument, value, known } = request;
      const asking = create(CompleteRequestSchema, {
        ...{ of, argument, value, known, caller: told(provider, caller) },
      });
      const timeoutMs = Math.min(context.timeoutMs() ?? provider.timeoutMs, provider.timeoutMs);
      const limits = { signal: context.signal, timeoutMs };
      const suggested = await deps.upstream
        .complete(provider, asking, limits)
        .catch((error: unknown) => {
          const { refusal } = refusedByUpstream(error, provider);
          throw refuse(refusal.reason, refusal.text);
        });
      const answer = create(CompleteArgumentResponseSchema, {
        values: tell(suggested.values.slice(0, VALUES_MAX)),
        hasMore: suggested.hasMore || suggested.values.length > VALUES_MAX,
        ...(suggested.total !== undefined && { total: suggested.total }),
      });
      return { answer, record: { purpose, target: `${provider.name}/${argument}` } };
    });
}

/** What is completed, and what of the suggestions may be told. */
interface Subject {
  readonly provider: ProviderVersion;
  readonly of: { readonly case: 'operation' | 'keyTemplate'; readonly value: string };
  readonly tell: (values: readonly string[]) => string[];
}

/** Suggestions as a verdict lets them be told: none where it depends on what is not known yet. */
function telling(
  { redactions }: ToolDeps,
  { effect, obligations }: Verdict,
  { offer, tenant }: { readonly offer: Offer; readonly tenant: string },
): Subject['tell'] {
  if (effect !== 'allow') return () => [];
  if (!obligations.changesValues) return (values) => [...values];
  const redactor = redactions.redactor({ obligations, offer, tenant });
  return (values) => (redactor.hidesFields ? [] : values.map((value) => redactor.text(value)));
}

function subjectOf(
  deps: ToolDeps,
  caller: Caller,
  { of, group: named }: CompleteArgumentRequest,
  purpose: string,
): Subject {
  switch (of.case) {
    case 'tool': {
      requireScope(caller, Scope.CALL);
      const { offer, access, group } = findTool(deps, caller, {
        ...{ name: of.value, group: named, purpose },
      });
      if (group?.without?.completions) throw noCompletions(group.name);
      const { provider, operation, result } = offer;
      const verdict = access.decide(provider, operation.name);
      const tell = telling(deps, verdict, { offer: result, tenant: caller.tenant });
      return { provider, of: { case: 'operation', value: operation.name }, tell };
    }
    case 'template': {
      requireScope(caller, Scope.READ);
      const group = groupOf(deps.holder.current, caller, named);
      if (group?.without?.completions) throw noCompletions(group.name);
      const { offer, verdict } = offering(deps, caller, of.value, purpose);
      const tell = telling(deps, verdict, { offer, tenant: caller.tenant });
      return {
        provider: offer.provider,
        of: { case: 'keyTemplate', value: of.value.template },
        tell,
      };
    }
    default:
      throw refuse(Reason.MALFORMED_REQUEST, 'of is missing; name a tool or a template');
  }
}

function noCompletions(group: string) {
  return refuse(Reason.UNSUPPORTED, `tool group ${group} does without suggestions`);
}

function offering(
  { holder, clock }: ToolDeps,
  caller: Caller,
  { provider, type, template }: TypeTemplate,
  purpose: string,
): { readonly offer: Offer; readonly verdict: Verdict } {
  const snapshot = holder.current;
  const authority = createAuthority(snapshot, caller, { purpose, nowMs: clock.wallMs() });
  const offers = snapshot.tenants.get(caller.tenant)?.catalogue.offers.get(type) ?? [];
  const offer = offers.find(
    (one) =>
      one.provider.name === provider && one.templates.some((each) => each.template === template),
  );
  const access = authority.access('list', type);
  const verdict = offer && access.visible ? access.decide(offer.provider, '') : undefined;
  if (offer && verdict && verdict.effect !== 'deny') return { offer, verdict };
  throw refuse(Reason.NOT_FOUND, 'there is no such template, or you may not list its type');
}

function checkSizes({ argument, value, known }: CompleteArgumentRequest): void {
  const texts = [argument, value, ...Object.entries(known).flat()];
  const isFit =
    texts.every((text) => text.length <= VALUE_MAX_CHARS) && Object.keys(known).length <= KNOWN_MAX;
  if (isFit) return;
  throw refuse(
    Reason.MALFORMED_REQUEST,
    `a value may have ${VALUE_MAX_CHARS} characters, and known ${KNOWN_MAX} entries`,
  );
}
