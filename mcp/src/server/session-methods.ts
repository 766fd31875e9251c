import type { JsonObject } from '@bufbuild/protobuf';
import type { Visit } from '@weir/kit';
import { Severity } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { McpBackend, McpGroup } from './backend.ts';
import { type McpCall, sessionRevisions } from './call.ts';
import { WATCHED_URIS_MAX } from './changes.ts';
import { toMcpError } from './errors.ts';
import {
  errorCodes,
  isObject,
  isRequestId,
  McpError,
  notification,
  type RpcMessage,
  type RpcRequest,
  resultMessage,
} from './json-rpc.ts';
import { introductionOf, plainMethods, serverInfo } from './methods.ts';
import { type Answered, answersOf, type OperationCall, severityOf } from './operation.ts';
import { invalidParams, textOf, uriOf } from './params.ts';
import { getPrompt } from './prompts.ts';
import { kindsOf } from './questions.ts';
import type { Reply } from './reply.ts';
import { itemOfUri } from './resource-uri.ts';
import { readResource } from './resources.ts';
import type { SessionFacts } from './session-ids.ts';
import type { Session } from './sessions.ts';
import type { Shared } from './shared/shared.ts';
import { callTool } from './tools.ts';

/** How often one call may ask. */
const ROUNDS_MAX = 16;
/** Requests of one session that are under way at once. */
const UNDER_WAY_MAX = 128;

/** A message of a client with a session, and where its answer goes. */
export interface SessionExchange {
  readonly session: Session;
  readonly visit: Visit;
  readonly inGroup: McpGroup | undefined;
  readonly reply: Reply;
  /** Aborted when everything is to end. */
  readonly ending: AbortSignal;
}

/** Reads a greeting: what the session will be. Throws McpError. */
export function parseGreeting(params: JsonObject): Pick<SessionFacts, 'revision' | 'canAsk'> {
  const asked = textOf(params, 'protocolVersion');
  const { capabilities: client } = params;
  if (!isObject(client)) throw invalidParams('params.capabilities must be an object');
  // Who asks for another one is told the newest, and leaves if it does not know it.
  const revision = sessionRevisions.includes(asked) ? asked : (sessionRevisions[0] ?? asked);
  return { revision, canAsk: kindsOf(client) };
}

/** The answer to a greeting. */
export function greetingOf(
  { revision }: Pick<SessionFacts, 'revision'>,
  inGroup: McpGroup | undefined,
): JsonObject {
  return { protocolVersion: revision, serverInfo, ...introductionOf(inGroup) };
}

/** A message that is not answered, and what it takes to have it heard at other routers. */
export interface Taking {
  readonly session: Session;
  readonly shared: Pick<Shared, 'post' | 'ids'>;
  readonly signal: AbortSignal;
}

/** Takes a message that is not answered, for whichever router it is. Throws McpError where nothing waits for it. */
export async function takeInSession(
  { session, shared, signal }: Taking,
  message: RpcMessage & { readonly kind: 'notification' | 'response' },
): Promise<void> {
  if (message.kind === 'response') return takeAnswer({ session, shared, signal }, message);
  const { method, params } = message;
  if (method !== 'notifications/cancelled') return;
  const { requestId } = params;
  if (!isRequestId(requestId)) return;
  const work = session.underWay.get(requestId);
  if (work) work.abort(new Error('the client wants no answer any more'));
  else {
    const says = { session: session.id, requestId };
    await shared.post.tell({ about: 'cancel', says }, signal);
  }
}

async function takeAnswer(
  { session, shared: { post, ids }, signal }: Taking,
  answer: RpcMessage & { readonly kind: 'response' },
): Promise<void> {
  if (session.questions.answered(answer)) return;
  const { id, result, error } = answer;
  const router = ids.madeBy(String(id), 'question', session.id);
  if (router !== undefined && router !== ids.own) {
    const message = { jsonrpc: '2.0', id, ...(result ? { result } : { error: error ?? {} }) };
    const says = { session: session.id, message };
    if ((await post.ask(router, { about: 'answer', says }, signal)) === 'yes') return;
  }
  const text = `nothing that was asked waits for an answer to ${JSON.stringify(id)}, or the router is gone that asked`;
  throw new McpError(errorCodes.invalidRequest, text, { status: 400 });
}

/** Answers a request within a session. */
export async function answerInSession(
  backend: McpBackend,
  exchange: SessionExchange,
  request: RpcRequest,
): Promise<void> {
  const { session, visit, reply } = exchange;
  const { id } = request;
  const without = exchange.inGroup?.without;
  try {
    if (session.underWay.has(id) || session.underWay.size >= UNDER_WAY_MAX) throw tooMany();
    using under = beginWork(exchange, id);
    const call: McpCall = {
      ...{ backend, visit, group: session.group, revision: session.revision },
      ...{ signal: under.signal, without },
      minSeverity: without?.messages ? Severity.UNSPECIFIED : session.minSeverity,
      canAsk: reply.canStream && !without?.questions ? session.canAsk : [],
      notify: (method, params) => reply.notify(notification(method, params)),
    };
    const result = await resultOf(call, exchange, request);
    reply.answer(resultMessage(id, result));
  } catch (error) {
    const told = toMcpError(error, visit.requestId);
    reply.fail(id, told);
  }
}

/** A request that is being answered: until it is cancelled, or nobody can get its answer. */
function beginWork({ session, visit, reply, ending }: SessionExchange, id: RpcRequest['id']) {
  const work = new AbortController();
  let detached: NodeJS.Timeout | undefined;
  const stop = () => work.abort(new Error('nobody waits for the answer'));
  const left = () => {
    if (reply.canGoOn) detached = setTimeout(stop, DETACHED_MAX_MS);
    else stop();
  };
  const signals: readonly (readonly [AbortSignal, () => void])[] = [
    [visit.signal, left],
    [session.ended, stop],
    [ending, stop],
  ];
  for (const [signal, then] of signals) {
    if (signal.aborted) then();
    else signal.addEventListener('abort', then, { once: true });
  }
  session.underWay.set(id, work);
  return {
    signal: work.signal,
    [Symbol.dispose]() {
      clearTimeout(detached);
      session.underWay.delete(id);
      for (const [signal, then] of signals) signal.removeEventListener('abort', then);
    },
  };
}

/** How long a call goes on whose client was cut off, and may come again for its answer. */
const DETACHED_MAX_MS = 300_000;

async function resultOf(
  call: McpCall,
  exchange: SessionExchange,
  { method, params }: RpcRequest,
): Promise<JsonObject> {
  const { session } = exchange;
  switch (method) {
    case 'ping':
      return {};
    case 'logging/setLevel':
      return setLevel(call, session, severityOf(params.level));
    case 'resources/subscribe':
      return subscribe(call, session, uriOf(params));
    case 'resources/unsubscribe':
      return unsubscribe(call, session, uriOf(params));
    case 'resources/read':
      return (await readResource(call, params)).result;
    case 'tools/call':
      return failedWithin(() =>
        untilDone(call, exchange, (going) => callTool(call, params, going)),
      );
    case 'prompts/get':
      return untilDone(call, exchange, (going) => getPrompt(call, params, going));
    default: {
      const known = plainMethods.get(method);
      if (known) return known(call, params);
      const text = `there is no method ${JSON.stringify(method.slice(0, 100))} in ${session.revision}`;
      throw new McpError(errorCodes.methodNotFound, text);
    }
  }
}

async function setLevel(
  { signal }: McpCall,
  session: Session,
  level: Severity,
): Promise<JsonObject> {
  if (level !== session.minSeverity) await session.change({ level }, signal);
  return {};
}

async function subscribe(
  { backend, visit, signal }: McpCall,
  session: Session,
  uri: string,
): Promise<JsonObject> {
  itemOfUri(uri);
  if (session.uris.has(uri)) return {};
  if (session.uris.size >= WATCHED_URIS_MAX) {
    throw invalidParams(
      `a session may subscribe to ${WATCHED_URIS_MAX} resources; unsubscribe first`,
    );
  }
  const since = await backend.eventCursor(visit.caller, signal);
  await session.change({ on: uri, since }, signal);
  return {};
}

async function unsubscribe(
  { signal }: McpCall,
  session: Session,
  uri: string,
): Promise<JsonObject> {
  if (session.uris.has(uri)) await session.change({ off: uri }, signal);
  return {};
}

type Going = Pick<OperationCall, 'state' | 'answers'>;

/** Calls an operation, asking the client whatever it asks, until it is done. */
async function untilDone(
  { signal }: McpCall,
  { session, reply }: SessionExchange,
  work: (going: Going) => Promise<Answered>,
): Promise<JsonObject> {
  let going: Going = { state: new Uint8Array(), answers: [] };
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const answered = await work(going);
    if (answered.kind === 'done') return answered.result;
    const way = { send: reply.send, signal };
    const answers = await Promise.all(
      answered.questions.map(
        async (question) => [question.id, await session.questions.ask(question, way)] as const,
      ),
    );
    going = { state: answered.state, answers: answersOf(Object.fromEntries(answers)) };
  }
  throw new McpError(errorCodes.internal, `it asked more than ${ROUNDS_MAX} times`);
}

/** A tool that could not ask failed, as models are told of it. */
async function failedWithin(work: () => Promise<JsonObject>): Promise<JsonObject> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof McpError) || !ofAsking.has(error.code)) throw error;
    return { content: [{ type: 'text', text: error.message }], isError: true };
  }
}

const ofAsking: ReadonlySet<number> = new Set([errorCodes.missingCapability, errorCodes.internal]);

function tooMany(): McpError {
  const text = `the id is in use, or ${UNDER_WAY_MAX} requests are under way, as many as may be`;
  return new McpError(errorCodes.invalidRequest, text);
}
