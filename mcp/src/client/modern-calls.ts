import { setTimeout as pause } from 'node:timers/promises';
import type { JsonObject } from '@bufbuild/protobuf';
import {
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type InputRequests,
  isInputRequiredResult,
  LOG_LEVEL_META_KEY,
  ProtocolError,
  ProtocolErrorCode,
} from '@modelcontextprotocol/client';
import {
  Code,
  type InputKind,
  type InputRequest,
  inputRequired,
  ProviderError,
} from '@weir/sdk/provider';
import type { CallDeps, CallSession } from './calls.ts';
import { capabilitiesOf, type Session } from './session.ts';
import { answerOf, argumentsOf, type Call, progressOf, send, type Target } from './target.ts';

// Since 2026-07-28 a server that has to ask ends the call with its questions and a state, and is
// called again with both: so nothing is kept here.

/** How often a server may put a call off without a question. */
const roundsMax = 5;
const roundPauseMs = 200;
/** What the router keeps of a state. */
const stateMaxBytes = 16 * 1024;

/** Calls a server of the new era. */
export async function callModern(
  { timeoutMs }: CallDeps,
  target: Target,
  { taken, call, state }: { taken: CallSession; call: Call; state: string },
): Promise<unknown> {
  const { session, traffic } = taken;
  const listening = { listener: call };
  traffic.going.add(listening);
  try {
    return await rounds(session, target, { call, state, timeoutMs });
  } finally {
    traffic.going.delete(listening);
    taken.release();
  }
}

async function rounds(
  session: Session,
  target: Target,
  { call, state, timeoutMs }: { call: Call; state: string; timeoutMs: number },
): Promise<unknown> {
  const { answers, canAsk, minSeverity, signal } = call;
  let requestState = state;
  for (let round = 0; round < roundsMax; round++) {
    const result = await send(session, target, {
      params: {
        ...argumentsOf(target, call),
        ...(Object.keys(answers).length > 0 && { inputResponses: answers }),
        ...(requestState !== '' && { requestState }),
        _meta: {
          // Servers ask only for what their caller says that it can do.
          [CLIENT_CAPABILITIES_META_KEY]: capabilitiesOf(canAsk),
          ...(minSeverity && { [LOG_LEVEL_META_KEY]: minSeverity }),
        },
      },
      options: {
        ...{ signal, timeout: timeoutMs, allowInputRequired: true },
        ...progressOf(call, () => call),
      },
    });
    if (!isInputRequiredResult(result)) return answerOf(target, result);
    requestState = result.requestState ?? '';
    const asked = Object.entries(result.inputRequests ?? {});
    if (asked.length > 0) return passedOn(asked, requestState);
    await pause(roundPauseMs * 2 ** round, undefined, { signal });
  }
  const text = `the upstream put the call off ${roundsMax} times`;
  throw new ProviderError(Code.Unavailable, text, { retryDelayMs: 5_000 });
}

function passedOn(asked: readonly [string, InputRequests[string]][], state: string) {
  const requests = asked.map(([id, { method, params = {} }]): InputRequest => {
    return { id, kind: kindOf(method, params as JsonObject), params: params as JsonObject };
  });
  if (Buffer.byteLength(state) <= stateMaxBytes) return inputRequired(requests, state);
  const text = `the upstream asks with a state of more than ${stateMaxBytes} bytes`;
  throw new ProviderError(Code.Internal, text);
}

/** What a server would have to ask that was told it cannot: so the caller is told the same. */
export function unaskable(error: unknown) {
  if (!(error instanceof ProtocolError)) return undefined;
  if (error.code !== ProtocolErrorCode.MissingRequiredClientCapability) return undefined;
  const { requiredCapabilities = {} } = (error.data ?? {}) as {
    requiredCapabilities?: ClientCapabilities;
  };
  const { elicitation, sampling, roots } = requiredCapabilities;
  const isForm = elicitation && (elicitation.form !== undefined || !elicitation.url);
  const kinds: InputKind[] = [
    ...(isForm ? (['form'] as const) : []),
    ...(elicitation?.url ? (['url'] as const) : []),
    ...(sampling ? (['sampling'] as const) : []),
    ...(roots ? (['roots'] as const) : []),
  ];
  return kinds.map((kind) => ({ id: kind, kind, params: {} }));
}

function kindOf(method: InputRequests[string]['method'], params: JsonObject): InputKind {
  switch (method) {
    case 'elicitation/create':
      return params.mode === 'url' ? 'url' : 'form';
    case 'sampling/createMessage':
      return 'sampling';
    case 'roots/list':
      return 'roots';
    default:
      return method satisfies never;
  }
}
