import type { JsonValue } from '@bufbuild/protobuf';
import type { Clock, CorsOptions, Entrance, HttpRequest, HttpResponse } from '@weir/kit';
import { challengeOf, metadataOf, metadataPathOf } from './authorization.ts';
import type { McpBackend } from './backend.ts';
import { toMcpError } from './errors.ts';
import { answerJson } from './event-stream.ts';
import { type Exchange, foreignness, headerOf, readBody } from './http.ts';
import {
  errorCodes,
  errorMessage,
  idOf,
  McpError,
  parseBody,
  parseMessage,
  type RequestId,
} from './json-rpc.ts';
import {
  type LegacyConnections,
  openLegacyStream,
  takeLegacyMessage,
  takePosted,
} from './legacy-sse.ts';
import { type Place, placeOf } from './paths.ts';
import {
  answerArray,
  answerWithSession,
  endSession,
  type SessionDeps,
  streamInSession,
} from './revision-2025-11-25.ts';
import { answerStateless } from './revision-2026-07-28.ts';
import { createSessionIds } from './session-ids.ts';
import { takeLetters } from './session-letters.ts';
import type { SessionListeners } from './session-listener.ts';
import { createSessions, type SessionLimits, type Sessions } from './sessions.ts';
import type { SharedLogs } from './shared/logs.ts';
import { createReaders, type Readers } from './shared/readers.ts';
import { openShared, type Shared } from './shared/shared.ts';
import { isOfStateless } from './stateless-envelope.ts';

/** What Weir needs to be a server of the Model Context Protocol. */
export interface McpServerOptions {
  readonly backend: McpBackend;
  /** What all routers share. */
  readonly logs: SharedLogs;
  readonly clock: Clock;
  /** The secret that registry and routers share. */
  readonly serviceSecret: Uint8Array;
  readonly sessions: SessionLimits;
  /** The greatest message read, in bytes. */
  readonly readMaxBytes: number;
  /** Where callers reach Weir; undefined: where a request comes to. */
  readonly publicUrl: string | undefined;
  readonly cors: CorsOptions | undefined;
}

/** Weir as a server of the Model Context Protocol. */
export interface McpServer extends AsyncDisposable {
  /** Answers a request; false: it is none of this protocol's. */
  handle(request: HttpRequest, response: HttpResponse, entrance: Entrance): boolean;
  /** How many sessions are open, and how many clients listen. */
  readonly sessions: number;
  readonly listeners: number;
  /** How many streams are written for other routers, and how many of other routers are told here. */
  readonly spilled: number;
  readonly resumed: number;
}

/** Creates the server, which answers at /mcp, and for clients of 2024-11-05 at /sse. */
export function createMcpServer(options: McpServerOptions): McpServer {
  const { backend, serviceSecret, clock, publicUrl, cors } = options;
  const { lifetimeMs } = options.sessions;
  const shared = openShared({ logs: options.logs, clock, serviceSecret, lifetimeMs });
  const ids = createSessionIds(serviceSecret);
  const sessions = createSessions({ ids, shared, clock }, options.sessions);
  const readers = createReaders();
  const listeners = new Set<object>();
  const sessionListeners: SessionListeners = new Map();
  const connections: LegacyConnections = { byId: new Map(), max: options.sessions.max };
  takeLetters({ shared, sessions, listeners: sessionListeners, readers });
  takePosted(shared, connections);
  const hosts = publicUrl === undefined ? [] : [new URL(publicUrl).hostname];
  const authorization = {
    publicUrl,
    authorizationServers: () => backend.authorizationServers(),
  };
  const parts = { options, sessions, shared, readers, listeners, sessionListeners, connections };
  return {
    get sessions() {
      return sessions.size;
    },
    get listeners() {
      return listeners.size + sessionListeners.size + connections.byId.size;
    },
    get spilled() {
      return shared.spills.size;
    },
    get resumed() {
      return readers.size;
    },
    handle(request, response, entrance) {
      const path = request.url?.split('?', 1)[0] ?? '';
      const place = placeOf(request.url);
      const metadataPath = metadataPathOf(path);
      if (!place && metadataPath === undefined) return false;
      const foreign = foreignness(request, { hosts, cors });
      if (foreign !== undefined) {
        refuse(response, new McpError(errorCodes.server, foreign, { status: 403 }));
        return true;
      }
      if (!place) {
        const metadata = metadataOf(request, authorization, metadataPath ?? '');
        answerJson(response, metadata ? 200 : 404, metadata ? { body: metadata } : {});
        return true;
      }
      const challenge = (error: McpError) =>
        challengeOf(request, authorization, { error, path: place.path });
      const isGet = request.method === 'GET';
      entrance.enter(request, response, {
        protocol: 'mcp',
        lasting: isGet || headerOf(request, 'mcp-method') === 'subscriptions/listen',
        begin: (visit) =>
          answer({ ...parts, entrance }, place, {
            ...{ request, response, visit, group: place.group, inGroup: undefined, challenge },
          }),
        refuse: (error) =>
          refuse(response, toMcpError(error, requestIdOf(request)), null, challenge),
      });
      return true;
    },
    async [Symbol.asyncDispose]() {
      sessions[Symbol.dispose]();
      await shared[Symbol.asyncDispose]();
    },
  };
}

/** The server gave it one. */
function requestIdOf(request: HttpRequest): string {
  return headerOf(request, 'x-request-id') ?? '';
}

/** What answering needs. */
interface Parts {
  readonly options: McpServerOptions;
  readonly sessions: Sessions;
  readonly listeners: Set<object>;
  readonly sessionListeners: SessionListeners;
  readonly shared: Shared;
  readonly readers: Readers;
  readonly connections: LegacyConnections;
  readonly entrance: Entrance;
}

async function answer(parts: Parts, place: Place, given: Exchange): Promise<void> {
  const { request, response, visit, challenge } = given;
  let id: RequestId | null = null;
  try {
    const exchange = throughGroup(parts.options.backend, given);
    if (request.method === 'POST') {
      const value = parseBody(await readBody(request, parts.options.readMaxBytes));
      id = idOf(value);
      return await answerPost(parts, place, exchange, value);
    }
    return await answerOther(parts, place, exchange);
  } catch (error) {
    refuse(response, toMcpError(error, visit.requestId), id, challenge);
  }
}

/** The request as it is within its group. Throws McpError 404 where there is none of that name. */
function throughGroup(backend: McpBackend, exchange: Exchange): Exchange {
  const { visit, group } = exchange;
  try {
    const inGroup = backend.group(visit.caller, group);
    return inGroup ? { ...exchange, inGroup, visit: visit.as(inGroup.caller) } : exchange;
  } catch (error) {
    const { code, message, data } = toMcpError(error, visit.requestId);
    throw new McpError(code, message, { status: 404, data });
  }
}

async function answerPost(
  parts: Parts,
  place: Place,
  exchange: Exchange,
  value: JsonValue,
): Promise<void> {
  const { options, listeners, connections, entrance } = parts;
  const deps = sessionDepsOf(parts);
  if (place.kind === 'legacy stream') throw notAllowed('GET');
  if (place.kind === 'legacy messages') {
    const id = place.query.get('sessionId') ?? '';
    return takeLegacyMessage(deps, connections, {
      ...{ exchange, id, value, message: parseMessage(value) },
    });
  }
  if (Array.isArray(value)) return answerArray(deps, exchange, value);
  const message = parseMessage(value);
  if (message.kind === 'response' || !isOfStateless(exchange.request, message)) {
    return answerWithSession(deps, exchange, message);
  }
  const { draining } = entrance;
  const { backend, sessions } = options;
  const stateless = { backend, listeners, listenersMax: sessions.max, draining };
  return answerStateless(stateless, exchange, message);
}

async function answerOther(parts: Parts, place: Place, exchange: Exchange): Promise<void> {
  const deps = sessionDepsOf(parts);
  const isServer = place.kind === 'server';
  switch (exchange.request.method) {
    case 'GET':
      if (isServer) return streamInSession(deps, exchange);
      if (place.kind === 'legacy messages') throw notAllowed('POST');
      return openLegacyStream(deps, parts.connections, exchange);
    case 'DELETE':
      if (isServer) return endSession(deps, exchange);
      throw notAllowed('GET, POST');
    default:
      throw notAllowed('GET, POST, DELETE');
  }
}

function sessionDepsOf(parts: Parts): SessionDeps {
  const { options, sessions, shared, readers, sessionListeners: listeners, entrance } = parts;
  const { draining, ending } = entrance;
  return { backend: options.backend, sessions, shared, readers, listeners, draining, ending };
}

function notAllowed(allow: string): McpError {
  const text = `this method of HTTP is not for this path; allowed: ${allow}`;
  return new McpError(errorCodes.server, text, { status: 405, headers: { allow } });
}

function refuse(
  response: HttpResponse,
  error: McpError,
  id: RequestId | null = null,
  challenge: Exchange['challenge'] = () => ({}),
): void {
  // A fault of the request as a whole is never told within 200.
  const status = error.status === 200 ? 400 : error.status;
  answerJson(response, status, {
    body: errorMessage(id, error),
    headers: { ...error.headers, ...challenge(error) },
  });
}
