import { create } from '@bufbuild/protobuf';
import { type Caller, refuse, WeirError } from '@weir/kit';
import type { Redactor, Verdict } from '@weir/policy';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  CallRequestSchema,
  type CallResponse,
  type Failure,
  type InputRequired,
  InputRequiredSchema,
  Severity,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import {
  type CallToolRequest,
  type CallToolResponse,
  CallToolResponseSchema,
  type ToolResult,
} from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { requireStillValid } from '../authenticate.ts';
import { delayMsOf, plainText } from '../gather/bounds.ts';
import { told } from '../gather/told.ts';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import { refusedByUpstream } from '../upstream/upstream-errors.ts';
import { askableIn, requireAskable } from './askable.ts';
import { mayUse, noSuchGroup } from './groups.ts';
import { type ParsedCall, withFixed } from './parse-call.ts';
import { arrived, given, keptAt, placeOf, type Result } from './results.ts';
import { logTold, progressTold, questionTold, tellingBy, textTold } from './told.ts';
import { STATE_LIFETIME_MS, STATE_MAX_BYTES, type StateOf } from './tool-states.ts';
import { decideCall, findTool, type KnownTool, noSuchTool, type ToolDeps } from './tools.ts';
import { actingIn, type Trial } from './trials.ts';

/** Who calls a tool, and how long there is. */
export interface ToolAsked {
  readonly caller: Caller;
  readonly signal: AbortSignal;
  readonly timeoutMs: number | undefined;
  /** The group that is tried; undefined: it is no test. */
  readonly trial?: Trial | undefined;
}

/** What a call came to, for its record; filled in as it goes. */
export interface CallOutcome {
  decided?: { readonly tool: KnownTool; readonly verdict: Verdict };
  redactions: readonly string[];
  cache: CacheStatus;
  bytes: number;
}

/** A call on its way. */
export interface Going {
  readonly asked: ToolAsked;
  readonly request: CallToolRequest;
  readonly parsed: ParsedCall;
  readonly outcome: CallOutcome;
}

const TEXT_MAX_CHARS = 500;
const CODE_MAX = 16;
const REQUESTS_MAX = 16;

/**
 * Calls a tool: finds it, decides, has its provider do it or takes what is kept, and hides of the
 * result what obligations ask for. The last message is a result or what has to be asked.
 */
export async function* callTool(deps: ToolDeps, before: Going): AsyncGenerator<CallToolResponse> {
  const { asked, outcome } = before;
  const { caller } = asked;
  const beyond = deps.limits.take(caller, viewOf(deps, caller), 1);
  if (beyond) throw beyond;
  const tool = toolNow(deps, asked, before.parsed);
  const going = { ...before, parsed: withFixed(before.parsed, tool.offer.fixed) };
  decide(tool, going);
  const { offer } = tool;
  const checked = deps.argumentChecks.faultOf(offer, going.parsed);
  const fault = checked instanceof Promise ? await checked : checked;
  if (fault) throw fault;
  // What comes of a test is nobody else's, and tells how the tool does now.
  const place = asked.trial ? undefined : placeOf(deps, offer, going);
  const kept = place && keptAt(deps, place);
  if (kept) {
    outcome.cache = CacheStatus.HIT_MEMORY;
    yield resultOf(await giveOut(deps, going, kept));
    return;
  }
  outcome.cache = place ? CacheStatus.MISS : CacheStatus.BYPASS;
  const { refusal } = deps.limits.takeFrom(offer.provider, 1);
  if (refusal) throw refusal;
  for await (const { message } of answers(deps, tool, going)) {
    switch (message.case) {
      case 'progress': {
        const value = progressTold(message.value, tellingNow(deps, going));
        yield create(CallToolResponseSchema, { message: { case: 'progress', value } });
        break;
      }
      case 'log': {
        const value = logTold(message.value, tellingNow(deps, going));
        if (value) yield create(CallToolResponseSchema, { message: { case: 'log', value } });
        break;
      }
      case 'inputRequired': {
        requireAskable(message.value, askableIn(tool, going.request));
        const asks = sealed(deps, message.value, { tool, caller });
        const by = tellingNow(deps, going);
        const value = { ...asks, requests: asks.requests.map((one) => questionTold(one, by)) };
        yield create(CallToolResponseSchema, { message: { case: 'inputRequired', value } });
        return;
      }
      case 'result': {
        const result = arrived(deps, message.value, { offer, place });
        deps.limits.spendFrom(offer.provider, result.entry.field.length);
        yield resultOf(await giveOut(deps, going, result));
        return;
      }
      case 'failure':
        throw failed(offer.provider, message.value, tellingNow(deps, going));
      default:
        throw garbage(offer.provider, 'sent an empty message');
    }
  }
  throw garbage(offer.provider, 'ended the call without a result');
}

function resultOf(value: ToolResult): CallToolResponse {
  return create(CallToolResponseSchema, { message: { case: 'result', value } });
}

function viewOf({ holder }: ToolDeps, { tenant }: Caller) {
  return holder.current.tenants.get(tenant);
}

/** Throws NOT_FOUND where it is denied: nobody learns what they may not. */
function decide(tool: KnownTool, { parsed, outcome }: Going): Verdict {
  const verdict = decideCall(tool, parsed.arguments);
  outcome.decided = { tool, verdict };
  if (verdict.effect !== 'allow') throw noSuchTool(parsed.tool);
  const missing = verdict.obligations.purposes.find((all) => !all.includes(parsed.purpose));
  if (!missing) return verdict;
  const text = `the policy asks what the call is for; state one of these purposes: ${missing.join(', ')}`;
  throw refuse(Reason.PURPOSE_REQUIRED, text);
}

/** The tool that the caller means, or that the group's would that is tried. */
function toolNow(deps: ToolDeps, { caller, trial }: ToolAsked, parsed: ParsedCall): KnownTool {
  const acting = actingIn(deps.holder.current, caller, trial);
  if (trial && !mayUse(trial.group, acting.attributes)) throw noSuchGroup(trial.group.name);
  return findTool(deps, acting, { ...parsed, name: parsed.tool, tried: trial?.group });
}

/** Decides by the rules of now: they may be others, and the caller not let in any more. */
function decideNow(deps: ToolDeps, going: Going) {
  const { asked, parsed } = going;
  const caller = requireStillValid(deps, asked.caller);
  const tool = toolNow(deps, { ...asked, caller }, parsed);
  return { caller, tool, verdict: decide(tool, going) };
}

function tellingNow(deps: ToolDeps, going: Going): Redactor | undefined {
  const { caller, tool, verdict } = decideNow(deps, going);
  return tellingBy(deps.redactions, verdict, tool.offer, caller.tenant);
}

/** The result as it may be given out. */
async function giveOut(deps: ToolDeps, going: Going, result: Result): Promise<ToolResult> {
  const { asked, outcome } = going;
  const { caller, tool, verdict } = decideNow(deps, going);
  const made = await given(deps, result, { offer: tool.offer, asked, verdict });
  outcome.redactions = made.redactions;
  outcome.bytes = made.result.payload.length;
  deps.limits.spend(caller, viewOf(deps, caller), outcome.bytes);
  made.result.cache = outcome.cache;
  return made.result;
}

async function* answers(
  deps: ToolDeps,
  tool: KnownTool,
  { asked, request, parsed }: Going,
): AsyncGenerator<CallResponse> {
  const { provider, operation, repeatable, timeoutMs: ownTimeoutMs } = tool.offer;
  const { caller, signal, trial } = asked;
  const without = tool.group?.without;
  const { answers: given, wantsProgress } = request;
  const state =
    request.state.length > 0
      ? deps.toolStates.open(request.state, stateOf(tool, caller), deps.clock.wallMs())
      : new Uint8Array();
  const calling = create(CallRequestSchema, {
    ...{ operation: operation.name, arguments: parsed.bytes },
    caller: told(provider, actingIn(deps.holder.current, caller, trial)),
    ...{ state, answers: given, wantsProgress },
    canAsk: [...askableIn(tool, request)],
    minSeverity: without?.messages ? Severity.UNSPECIFIED : request.minSeverity,
  });
  const timeoutMs = Math.max(1, Math.min(asked.timeoutMs ?? ownTimeoutMs, ownTimeoutMs));
  const limits = { signal, timeoutMs, ownTimeoutMs, repeatable };
  try {
    yield* deps.upstream.call(provider, calling, limits);
  } catch (error) {
    if (signal.aborted || error instanceof WeirError) throw error;
    const { refusal } = refusedByUpstream(error, provider);
    const retry = refusal.retryDelay && { retryDelayMs: delayMsOf(refusal.retryDelay) };
    throw refuse(refusal.reason, refusal.text, retry);
  }
}

function stateOf({ offer }: KnownTool, { tenant, principal }: Caller): StateOf {
  const { name, provider } = offer;
  const of = `${provider.name}@${provider.version}`;
  return { caller: { tenant, principal }, tool: name, provider: of };
}

function sealed(
  { toolStates, clock }: ToolDeps,
  { requests, state }: InputRequired,
  { tool, caller }: { readonly tool: KnownTool; readonly caller: Caller },
): InputRequired {
  const { provider, timeoutMs } = tool.offer;
  if (requests.length === 0 || requests.length > REQUESTS_MAX || state.length > STATE_MAX_BYTES) {
    const asks = `asks ${requests.length} questions with a state of ${state.length} bytes`;
    throw garbage(provider, `${asks}; 1 to ${REQUESTS_MAX}, and at most ${STATE_MAX_BYTES}`);
  }
  const untilMs = clock.wallMs() + Math.max(timeoutMs, STATE_LIFETIME_MS);
  const kept = toolStates.seal(state, stateOf(tool, caller), untilMs);
  return create(InputRequiredSchema, { requests, state: kept });
}

function failed(
  { name }: ProviderVersion,
  { code, text, retryDelay }: Failure,
  by: Redactor | undefined,
): WeirError {
  const told = textTold(plainText(text, TEXT_MAX_CHARS), by);
  const shown = told === '' ? `provider ${name} failed` : `provider ${name}: ${told}`;
  return new WeirError(Reason.PROVIDER_FAILED, shown, {
    ...(retryDelay && { retryDelayMs: delayMsOf(retryDelay) }),
    ...(code >= 1 && code <= CODE_MAX && { code }),
  });
}

function garbage({ name }: ProviderVersion, text: string): WeirError {
  return refuse(Reason.PROVIDER_GARBAGE, `provider ${name} ${text}`);
}
