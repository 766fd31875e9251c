import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { McpBackend } from './backend.ts';
import { sessionRevisions } from './call.ts';
import { answerJson, type EventStream, openEventStream } from './event-stream.ts';
import { accepts, type Exchange, headerOf } from './http.ts';
import {
  errorCodes,
  errorMessage,
  isObject,
  McpError,
  parseMessage,
  type RpcMessage,
  resultMessage,
} from './json-rpc.ts';
import { readListeningPlace } from './listening-place.ts';
import { parseEventId } from './message-log.ts';
import { createReply, type Reply } from './reply.ts';
import { listenInSession, type SessionListeners } from './session-listener.ts';
import { answerInSession, greetingOf, parseGreeting, takeInSession } from './session-methods.ts';
import { RESUMABLE_SINCE, type Session, type Sessions } from './sessions.ts';
import { type CallStream, parseStream } from './shared/call-streams.ts';
import { readStream } from './shared/read-stream.ts';
import type { Readers } from './shared/readers.ts';
import type { Shared } from './shared/shared.ts';
import { hasEnvelope } from './stateless-envelope.ts';

/** What answering in this revision, and in those before, needs. */
export interface SessionDeps {
  readonly backend: McpBackend;
  readonly sessions: Sessions;
  readonly listeners: SessionListeners;
  readonly shared: Shared;
  readonly readers: Readers;
  readonly draining: AbortSignal;
  readonly ending: AbortSignal;
}

const SESSION_HEADER = 'mcp-session-id';
/** Messages of one array, which revision 2025-03-26 has. */
const ARRAY_MAX = 100;

/** Answers a message by POST: a greeting begins a session, and all others are within one. */
export async function answerWithSession(
  deps: SessionDeps,
  exchange: Exchange,
  message: RpcMessage,
): Promise<void> {
  const { request, response, visit, group, inGroup } = exchange;
  if (message.kind === 'request' && message.method === 'initialize') {
    const { revision, canAsk } = parseGreeting(message.params);
    const session = deps.sessions.begin(visit.caller, { revision, canAsk, group });
    answerJson(response, 200, {
      body: resultMessage(message.id, greetingOf(session, inGroup)),
      headers: { [SESSION_HEADER]: session.id },
    });
    return;
  }
  const session = await sessionOf(deps, exchange);
  if (message.kind !== 'request') {
    await takeInSession({ session, shared: deps.shared, signal: visit.signal }, message);
    return answerJson(response, 202);
  }
  const isResumable = session.revision >= RESUMABLE_SINCE;
  const openLog = isResumable ? () => session.openLog(message.id) : undefined;
  const canStream = accepts(request, 'text/event-stream');
  const reply = createReply(response, { canStream, openLog, challenge: exchange.challenge });
  const { ending } = deps;
  await answerInSession(deps.backend, { session, visit, inGroup, reply, ending }, message);
}

/** Answers an array of messages: all at once, and in an array. */
export async function answerArray(
  deps: SessionDeps,
  exchange: Exchange,
  values: readonly JsonValue[],
): Promise<void> {
  const { response, visit, inGroup } = exchange;
  const { ending } = deps;
  const isNewer = values.some((value) => isObject(value) && hasEnvelope(paramsOf(value)));
  if (isNewer || values.length === 0 || values.length > ARRAY_MAX) {
    const text = `an array has 1 to ${ARRAY_MAX} messages, and only in revisions before 2025-06-18`;
    throw new McpError(errorCodes.invalidRequest, text, { status: 400 });
  }
  const messages = values.map(parseMessage);
  const session = await sessionOf(deps, exchange);
  const taking = { session, shared: deps.shared, signal: visit.signal };
  const answers: JsonObject[] = [];
  const reply: Reply = {
    ...{ canStream: false, canGoOn: false, notify: () => {}, send: () => {} },
    answer: (answer) => void answers.push(answer),
    fail: (id, error) => void answers.push(errorMessage(id, error)),
  };
  await Promise.all(
    messages.map(async (message) => {
      if (message.kind !== 'request') return takeInSession(taking, message);
      await answerInSession(deps.backend, { session, visit, inGroup, reply, ending }, message);
    }),
  );
  answerJson(response, answers.length > 0 ? 200 : 202, answers.length > 0 ? { body: answers } : {});
}

/** Answers a GET: a stream of what happens, or of what a client missed that was cut off. */
export async function streamInSession(deps: SessionDeps, exchange: Exchange): Promise<void> {
  const { request, response, visit } = exchange;
  if (!accepts(request, 'text/event-stream')) {
    const text = 'a GET is answered by a stream of events; accept text/event-stream';
    throw new McpError(errorCodes.server, text, { status: 406 });
  }
  const session = await sessionOf(deps, exchange);
  const last = headerOf(request, 'last-event-id');
  const call = last === undefined ? undefined : callOf(deps, session, last);
  if (last !== undefined && !call && !readListeningPlace(last)) {
    const text = 'last-event-id is none of this session; go on without it';
    throw new McpError(errorCodes.server, text, { status: 404 });
  }
  const open = () => openEventStream(response, { [SESSION_HEADER]: session.id });
  const over = closed(deps, session, exchange);
  if (call) await goOn(deps, { ...call, session, open, over });
  else {
    const stream = open();
    listenInSession(
      { ...deps, ...deps.shared, own: deps.shared.ids.own },
      { session, visit, stream, last },
    );
    await over.promise;
    stream.end();
  }
}

/** The stream of a call that an event's id names, and the place in it. */
function callOf({ shared }: SessionDeps, session: Session, last: string) {
  const place = parseEventId(last);
  const stream = place && parseStream(shared.ids, session.id, place.log);
  return stream && { stream, after: place.at };
}

/** Of a client that goes on with a call. */
interface GoingOn {
  readonly session: Session;
  readonly stream: CallStream;
  readonly after: number;
  readonly open: () => EventStream;
  readonly over: ReturnType<typeof closed>;
}

/** Tells what a client missed of a call, whether that is at work here or at another router. */
async function goOn(
  { shared, readers }: SessionDeps,
  { session, stream, after, open, over }: GoingOn,
): Promise<void> {
  const log = session.logs.get(stream.id);
  if (log) {
    const to = open();
    log.attach(to, after);
    await over.promise;
    return to.end();
  }
  using reader = readers.open(stream.id);
  const to = open();
  const signal = AbortSignal.any([over.signal, reader.stopped]);
  const deps = { ...shared, own: shared.ids.own };
  try {
    await readStream(deps, { session: session.id, stream, after, to, signal });
  } finally {
    // Where the log cannot be read, the client comes again.
    to.end();
  }
}

/** Answers a DELETE: the session is over, for good and at all routers. */
export async function endSession(deps: SessionDeps, exchange: Exchange): Promise<void> {
  const session = await sessionOf(deps, exchange);
  await session.change({ over: true }, exchange.visit.signal);
  answerJson(exchange.response, 204);
}

async function sessionOf(
  { sessions }: SessionDeps,
  { request, visit, group }: Exchange,
): Promise<Session> {
  const id = headerOf(request, SESSION_HEADER);
  if (id === undefined) {
    const text = `the header ${SESSION_HEADER} is missing; begin with initialize`;
    throw new McpError(errorCodes.server, text, { status: 400 });
  }
  const revision = headerOf(request, 'mcp-protocol-version');
  if (revision !== undefined && !sessionRevisions.includes(revision)) {
    const text = `revision ${JSON.stringify(revision)} has no sessions here; one of ${sessionRevisions.join(', ')} has`;
    throw new McpError(errorCodes.server, text, { status: 400 });
  }
  return await sessions.find(id, visit.caller, group);
}

/** When a stream is over: its client left, the session ended, or the server drains. */
function closed({ draining }: SessionDeps, session: Session, { visit, response }: Exchange) {
  const over = new AbortController();
  const done = () => over.abort();
  response.once('finish', done);
  for (const signal of [visit.signal, session.ended, draining]) {
    if (signal.aborted) done();
    else signal.addEventListener('abort', done, { once: true });
  }
  const { signal } = over;
  return {
    signal,
    promise: new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    }),
  };
}

function paramsOf({ params }: JsonObject): JsonObject {
  return isObject(params) ? params : {};
}
