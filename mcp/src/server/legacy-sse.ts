import type { JsonValue } from '@bufbuild/protobuf';
import type { HttpResponse } from '@weir/kit';
import { toMcpError } from './errors.ts';
import { answerJson, type EventStream, openEventStream } from './event-stream.ts';
import type { Exchange } from './http.ts';
import {
  errorCodes,
  errorMessage,
  McpError,
  parseMessage,
  type RpcMessage,
  resultMessage,
} from './json-rpc.ts';
import type { Reply } from './reply.ts';
import type { SessionDeps } from './revision-2025-11-25.ts';
import { listenInSession } from './session-listener.ts';
import { answerInSession, greetingOf, parseGreeting, takeInSession } from './session-methods.ts';
import type { Session } from './sessions.ts';
import type { Shared } from './shared/shared.ts';

/** One client of revision 2024-11-05: a stream by which everything comes. */
interface Connection {
  readonly id: string;
  readonly stream: EventStream;
  readonly exchange: Exchange;
  readonly deps: SessionDeps;
  /** Since its greeting. */
  session: Session | undefined;
}

/** The clients that speak by a stream and by messages posted beside it. */
export interface LegacyConnections {
  readonly byId: Map<string, Connection>;
  readonly max: number;
}

/** For whom the id of a connection is made: nobody else posts to it. */
function ownerOf({ visit }: Exchange): string {
  const { tenant, principal } = visit.caller;
  return JSON.stringify([tenant, principal]);
}

/** Where messages are posted that belong to a stream. */
export const messagesPath = '/messages';

/** Answers a GET: says where to post messages, and sends the answers to them. */
export async function openLegacyStream(
  deps: SessionDeps,
  connections: LegacyConnections,
  exchange: Exchange,
): Promise<void> {
  const { byId, max } = connections;
  if (byId.size >= max) {
    const text = `${max} streams are open, as many as may be (WEIR_MCP_SESSIONS); try again later`;
    throw new McpError(errorCodes.server, text, { status: 503, headers: { 'retry-after': '5' } });
  }
  const { response, visit } = exchange;
  const stream = openEventStream(response);
  const id = deps.shared.ids.write('connection', ownerOf(exchange));
  const connection: Connection = { id, stream, exchange, deps, session: undefined };
  byId.set(connection.id, connection);
  stream.event('endpoint', `${messagesPath}?sessionId=${connection.id}`);
  await new Promise<void>((resolve) => {
    for (const signal of [visit.signal, deps.draining]) {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    }
  });
  byId.delete(connection.id);
  // Only this router has its stream; its id is given to nobody, and need not be remembered.
  if (connection.session) deps.sessions.forget(connection.session);
  stream.end();
}

/** A message that was posted beside a stream. */
export interface LegacyMessage {
  readonly exchange: Exchange;
  /** The id of the stream. */
  readonly id: string;
  readonly message: RpcMessage;
  /** The same as it came. */
  readonly value: JsonValue;
}

/** Takes a message that was posted beside a stream, at whichever router that is; its answer goes by the stream. */
export async function takeLegacyMessage(
  deps: SessionDeps,
  connections: LegacyConnections,
  { exchange, id, message, value }: LegacyMessage,
): Promise<void> {
  const { visit, response } = exchange;
  const { ids, post } = deps.shared;
  const router = ids.madeBy(id, 'connection', ownerOf(exchange));
  const connection = router === ids.own ? connections.byId.get(id) : undefined;
  if (connection) {
    await takeByStream(connection, message, () => accepted(response));
    return;
  }
  const says = { connection: id, message: value };
  if (router === undefined || router === ids.own) throw noStream();
  const answer = await post.ask(router, { about: 'posted', says }, visit.signal);
  if (answer !== 'yes') throw noStream();
  accepted(response);
}

/** Has messages taken that were posted at other routers, which have looked whose they are. */
export function takePosted({ post }: Shared, connections: LegacyConnections): void {
  post.take('posted', ({ connection: id, message }) => {
    const connection = typeof id === 'string' ? connections.byId.get(id) : undefined;
    if (!connection || message === undefined) return false;
    const posted = parseMessage(message);
    if (!connection.session && !isGreeting(posted)) return false;
    const taken = takeByStream(connection, posted, () => {});
    // Its stream is told of what goes wrong with a request; nothing else has an answer.
    taken.catch(() => undefined);
    return true;
  });
}

function isGreeting(message: RpcMessage): boolean {
  return message.kind === 'request' && message.method === 'initialize';
}

async function takeByStream(
  connection: Connection,
  message: RpcMessage,
  isTaken: () => void,
): Promise<void> {
  const { session, deps } = connection;
  if (message.kind === 'request' && message.method === 'initialize') {
    isTaken();
    return greet(connection, message);
  }
  if (!session) {
    throw new McpError(errorCodes.invalidRequest, 'begin with initialize', { status: 400 });
  }
  const { visit, inGroup } = connection.exchange;
  if (message.kind !== 'request') {
    await takeInSession({ session, shared: deps.shared, signal: visit.signal }, message);
    return isTaken();
  }
  isTaken();
  // By its stream, and for as long as that is there.
  const reply = replyBy(connection.stream);
  const { ending } = deps;
  await answerInSession(deps.backend, { session, visit, inGroup, reply, ending }, message);
}

function noStream(): McpError {
  const text = 'there is no such stream, or it is over; begin anew with a GET of /sse';
  return new McpError(errorCodes.sessionNotFound, text, { status: 404 });
}

function greet(
  connection: Connection,
  { id, params }: RpcMessage & { readonly kind: 'request' },
): void {
  const { stream, exchange, deps } = connection;
  const { visit, group } = exchange;
  try {
    const { revision, canAsk } = parseGreeting(params);
    const session = deps.sessions.begin(visit.caller, { revision, canAsk, group });
    connection.session = session;
    stream.send(resultMessage(id, greetingOf(session, exchange.inGroup)));
    const own = deps.shared.ids.own;
    listenInSession(
      { ...deps, post: deps.shared.post, own },
      { session, visit, stream: unended(stream) },
    );
  } catch (error) {
    stream.send(errorMessage(id, toMcpError(error, visit.requestId)));
  }
}

/** The stream is the client's only one: it goes on when listening ends. */
function unended(stream: EventStream): EventStream {
  return {
    get isClosed() {
      return stream.isClosed;
    },
    // Nobody goes on with it: what comes while too much waits is left out.
    isFull: false,
    ...{ closed: stream.closed, event: stream.event, prime: () => {}, end: () => {} },
    // Events had no ids that mean something in this revision.
    send(message) {
      if (!stream.isFull) stream.send(message);
    },
  };
}

function replyBy(stream: EventStream): Reply {
  return {
    ...{ canStream: true, canGoOn: false, send: (message) => stream.send(message) },
    notify(message) {
      if (!stream.isFull) stream.send(message);
    },
    answer: (message) => stream.send(message),
    fail: (id, error) => stream.send(errorMessage(id, error)),
  };
}

function accepted(response: HttpResponse): void {
  answerJson(response, 202);
}
