import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { Client } from '@modelcontextprotocol/client';
import { TransientSet } from '@weir/kit';
import { Code, type InputKind, inputRequired, ProviderError } from '@weir/sdk/provider';
import type { CallDeps, CallSession } from './calls.ts';
import { cannotAsk, type HeldCalls, type OpenCall, openCall } from './questions.ts';
import { levels, type Session } from './session.ts';
import { answerOf, argumentsOf, type Call, progressOf, send, type Target } from './target.ts';

// Before 2026-07-28 a server asks in the middle of a call, by a request of its own that names no
// call, and it waits. So a question belongs to the one call that is under way at its session, and
// the call is kept open here while its caller goes away to find the answer.

/** A call under way at a session. */
export interface Going extends Listening {
  readonly open: OpenCall<unknown>;
}

/** Whoever is told of a call; another one after each question. */
interface Listening {
  listener: Call;
  /** Servers of the new era ask nothing in the middle of a call. */
  readonly open?: OpenCall<unknown>;
}

/** Calls that wait for their callers. */
export type HeldGoing = HeldCalls<Going>;

/** The calls under way at a session. */
export interface Traffic {
  readonly going: TransientSet<Listening>;
  /** The least severity that the server was asked for, as its place among the levels. */
  level: number;
}

/** All that is asked at once comes within this time. */
const gatherMs = 5;
/** The leg of a call has a time of its own; what waits for a person has another. */
const noTimeoutMs = 2 ** 31 - 1;

/** Has a client hear what servers ask, of what it declares, and say in the middle of calls. */
export function listenToCalls(
  client: Client,
  canAsk: readonly InputKind[],
  onAsked: () => void,
): Traffic {
  const traffic: Traffic = { going: new TransientSet(), level: levels.length };
  const ask = async (kind: InputKind, params: unknown): Promise<never> => {
    const [only, ...others] = traffic.going;
    if (!only?.open) throw cannotAsk('no call is under way, so there is nobody to ask');
    // From now on, who can be asked gets a session alone.
    onAsked();
    if (others.length > 0) throw cannotAsk('several calls are under way; call once more');
    return (await only.open.ask({ kind, params: ownParams(params as JsonObject) })) as never;
  };
  if (canAsk.includes('form') || canAsk.includes('url')) {
    client.setRequestHandler('elicitation/create', ({ params }) =>
      ask(params.mode === 'url' ? 'url' : 'form', params),
    );
  }
  if (canAsk.includes('sampling')) {
    client.setRequestHandler('sampling/createMessage', ({ params }) => ask('sampling', params));
  }
  if (canAsk.includes('roots')) {
    client.setRequestHandler('roots/list', ({ params = {} }) => ask('roots', params));
  }
  client.setNotificationHandler('notifications/message', ({ params }) => {
    const [only, ...others] = traffic.going;
    // Of several calls nobody knows which it is about, and it is no business of the others.
    if (!only || others.length > 0) return;
    only.listener.log(params.level, (params.data ?? null) as JsonValue, params.logger);
  });
  return traffic;
}

/** A question without what belongs to the connection that it came by. */
function ownParams({ _meta, ...params }: JsonObject): JsonObject {
  const { progressToken: _, ...rest } = (_meta ?? {}) as JsonObject;
  return Object.keys(rest).length > 0 ? { ...params, _meta: rest } : params;
}

/** Calls a server of the old era. */
export async function callLegacy(
  deps: CallDeps,
  target: Target,
  { taken, call, state }: { taken: CallSession; call: Call; state: string },
): Promise<unknown> {
  const { session, traffic } = taken;
  if (state !== '') {
    taken.release();
    const text = 'the call that waited for the answers is over; begin again';
    throw new ProviderError(Code.FailedPrecondition, text);
  }
  raiseLevel(session, traffic, call);
  const open = openCall(call.canAsk, (signal) =>
    send(session, target, {
      params: argumentsOf(target, call),
      options: { signal, timeout: noTimeoutMs, ...progressOf(call, () => going.listener) },
    }),
  );
  const going: Going = { listener: call, open };
  traffic.going.add(going);
  const end = () => {
    traffic.going.delete(going);
    taken.release();
  };
  void open.ended.then(end, end);
  return await follow(deps, target, going);
}

/** Gives the answers to a call that waited for them. */
export async function goOn(
  deps: CallDeps,
  target: Target,
  { going, call }: { readonly going: Going; readonly call: Call },
): Promise<unknown> {
  going.listener = call;
  going.open.canAsk = call.canAsk;
  for (const [id, question] of [...going.open.questions]) {
    const answer = call.answers[id];
    if (answer) question.answer(answer);
    else question.refuse('the caller gave no answer');
  }
  return await follow(deps, target, going);
}

/** Waits until it ends, asks, is no longer wanted, or has had its time. */
async function follow(deps: CallDeps, target: Target, going: Going): Promise<unknown> {
  const { open, listener } = going;
  const onAbort = () => open.cancel('the caller has left');
  const timer = setTimeout(() => open.cancel('it took too long'), deps.timeoutMs);
  listener.signal.addEventListener('abort', onAbort, { once: true });
  if (listener.signal.aborted) onAbort();
  try {
    const ended = open.ended.then((result) => ({ result }));
    const first = await Promise.race([ended, open.asked().then(gathered)]);
    if (first) return answerOf(target, first.result);
    const asked = [...open.questions.values()].map(({ request }) => request);
    // It may have ended while its questions were gathered.
    if (asked.length === 0) return answerOf(target, (await ended).result);
    return inputRequired(asked, deps.held.hold(going));
  } finally {
    clearTimeout(timer);
    listener.signal.removeEventListener('abort', onAbort);
  }
}

function gathered(): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(resolve, gatherMs, undefined);
  });
}

/** The level is of the session: it only ever falls, and each caller is told what it wants. */
function raiseLevel({ client, capabilities }: Session, traffic: Traffic, call: Call): void {
  const wanted = levels.indexOf(call.minSeverity ?? 'emergency');
  if (!capabilities.logging || !call.minSeverity || wanted >= traffic.level) return;
  traffic.level = wanted;
  // Messages on one connection keep their order: the call comes after it.
  client.setLoggingLevel(call.minSeverity).catch(() => {});
}
