import {
  type CallContext,
  type Caller,
  type Clock,
  callerOf,
  codeOf,
  reasonOf,
  requestIdKey,
  requireScope,
} from '@weir/kit';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type {
  CallToolRequest,
  CallToolResponse,
  ToolResult,
} from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import type { RecordedItem } from '../audit/recorded.ts';
import { plainText } from '../gather/bounds.ts';
import { type CallOutcome, callTool } from '../tools/call.ts';
import type { CallLog, LoggedCall } from '../tools/call-log.ts';
import { parseCall } from '../tools/parse-call.ts';
import { toolName } from '../tools/tool-offers.ts';
import { type KnownTool, readsArguments, type ToolDeps } from '../tools/tools.ts';
import type { Trial } from '../tools/trials.ts';
import { beginRecord, type RecordDeps, recordedProvider } from './record.ts';

/** Of a name that was not parsed, in the log. */
const TOOL_CHARS_MAX = 256;

/** What logging calls needs. */
export interface LoggingDeps {
  readonly callLog: Pick<CallLog, 'add'>;
}

/** CallTool: has a provider do something, and records it before the answer leaves. */
export function callToolRpc(deps: CallingDeps) {
  return (request: CallToolRequest, context: CallContext) =>
    recordedCall(deps, context, { request, trialOf: undefined });
}

/** What calling needs. */
export type CallingDeps = ToolDeps & RecordDeps & LoggingDeps;

/** A call, and which group is tried, as soon as it is known who may. */
export interface Called {
  readonly request: CallToolRequest;
  readonly trialOf: (() => Promise<Trial>) | undefined;
}

/** Calls a tool; records and logs it. */
export async function* recordedCall(
  deps: CallingDeps,
  context: CallContext,
  { request, trialOf }: Called,
): AsyncGenerator<CallToolResponse> {
  const record = beginRecord(deps, context);
  const caller = callerOf(context);
  const begun = { wallMs: deps.clock.wallMs(), monotonicMs: deps.clock.monotonicMs() };
  let result: ToolResult | undefined;
  const isTest = trialOf !== undefined;
  const logged = (error?: unknown) => {
    const of = { request, caller, outcome, isTest, requestId: context.values.get(requestIdKey) };
    deps.callLog.add(loggedCall(deps.clock, begun, of, { result, error }));
  };
  const outcome: CallOutcome = { redactions: [], cache: CacheStatus.UNSPECIFIED, bytes: 0 };
  const what = (error?: unknown) => ({
    purpose: request.purpose,
    target: request.group === '' ? request.tool : `${request.group}/${request.tool}`,
    items: itemsOf(caller.tenant, outcome, { error, isTest }),
  });
  try {
    requireScope(caller, Scope.CALL);
    const parsed = parseCall(request);
    const trial = await trialOf?.();
    const asked = { caller, signal: context.signal, timeoutMs: context.timeoutMs(), trial };
    for await (const response of callTool(deps, { asked, request, parsed, outcome })) {
      const { case: kind } = response.message;
      if (kind === 'result' || kind === 'inputRequired') await record.answered(what());
      if (response.message.case === 'result') {
        result = response.message.value;
        logged();
      }
      yield response;
    }
  } catch (error) {
    await record.refused(error, what(error));
    if (!result) logged(error);
    throw error;
  }
}

/**
 * Arguments are values, which no record holds: where rules read them, it was not by these facts alone.
 * What an administrator tries was decided on as somebody else's.
 */
function decidedBy(
  { access, offer }: KnownTool,
  isTest: boolean,
): Pick<RecordedItem['kind'], 'known' | 'facts'> {
  if (isTest || readsArguments(access)) return { known: false };
  const { sensitivity } = offer.operation;
  return { known: true, facts: { sensitivity, labels: {}, owner: '' } };
}

interface Logged {
  readonly request: CallToolRequest;
  readonly caller: Caller;
  readonly outcome: CallOutcome;
  readonly requestId: string;
  readonly isTest: boolean;
}

const nothing = new Uint8Array();

/** A name that nobody parsed: of any length, and with characters that no store takes. */
function nameAsked(name: string): string {
  return plainText(name, TOOL_CHARS_MAX);
}

function loggedCall(
  clock: Clock,
  begun: { readonly wallMs: number; readonly monotonicMs: number },
  { request, caller, outcome, requestId, isTest }: Logged,
  { result, error }: { readonly result: ToolResult | undefined; readonly error: unknown },
): LoggedCall {
  const known = outcome.decided?.tool;
  const provider = known?.offer.provider;
  return {
    ...{ requestId, caller, isTest, startWallMs: begun.wallMs },
    durationMs: clock.monotonicMs() - begun.monotonicMs,
    group: known?.group?.name ?? caller.group ?? nameAsked(request.group),
    tool: provider ? toolName(provider.name, known.offer.operation.name) : nameAsked(request.tool),
    providerVersion: provider?.version ?? '',
    reason: error === undefined ? Reason.UNSPECIFIED : (reasonOf(error) ?? Reason.INTERNAL),
    isError: result?.isError ?? false,
    cache: outcome.cache,
    arguments: request.arguments,
    result: result?.payload ?? nothing,
    resultBytes: result?.payload.length ?? 0,
  };
}

function itemsOf(
  tenant: string,
  outcome: CallOutcome,
  { error, isTest }: { readonly error: unknown; readonly isTest: boolean },
): RecordedItem[] {
  const { decided, redactions, cache, bytes } = outcome;
  if (!decided) return [];
  const { tool, verdict } = decided;
  const { operation, provider } = tool.offer;
  const told = error === undefined ? Reason.UNSPECIFIED : (reasonOf(error) ?? Reason.INTERNAL);
  const reason = verdict.effect === 'allow' ? told : Reason.DENIED;
  const kind = {
    ...{ action: 'call' as const, type: operation.name },
    provider: recordedProvider(provider, tenant),
    effect: verdict.effect === 'allow' ? ('allow' as const) : ('deny' as const),
    ...{ rules: verdict.rules, redactions, cache, reason },
    code: reason === Reason.UNSPECIFIED ? 0 : codeOf(reason),
    ...decidedBy(tool, isTest),
  };
  return [{ kind, key: operation.name, bytes }];
}
