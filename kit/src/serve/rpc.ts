import { base64Decode } from '@bufbuild/protobuf/wire';
import { createContextValues, type HandlerContext } from '@connectrpc/connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { Health } from '@weir/sdk/gen/health/v1/health_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { requestIdKey } from '../caller.ts';
import { refuse, toConnectError } from '../errors.ts';
import { afterCallKey, cutKey } from './after-call.ts';
import type { Calls } from './calls.ts';
import { drainingKey } from './draining.ts';
import type { HealthState } from './health.ts';
import { carrierOf, type HttpHandler, type HttpRequest, type HttpResponse } from './http.ts';
import type { ServeLimits } from './limits.ts';
import { createOpenStreams } from './open-streams.ts';
import type { ServeOptions } from './options.ts';
import { type Peers, peerKey } from './peer.ts';
import { addReflection, reflectionServices } from './reflection.ts';
import { requestIdOf } from './request-id.ts';
import { expectBody, expectBodyKey } from './signed-body.ts';

/** Services that answer anybody. */
const openServices: ReadonlySet<string> = new Set(
  [Health, ...reflectionServices].map((service) => service.typeName),
);

/** What the calls of a server share. */
interface RpcParts {
  readonly calls: Calls;
  readonly peers: Peers;
  readonly health: HealthState;
  /** The server drains; calls that still come are served. */
  readonly draining: AbortSignal;
  /** Calls under way are ended. */
  readonly ending: AbortSignal;
}

/** What answers calls. */
export interface Rpc {
  /** Those that are requests. */
  readonly onRequest: HttpHandler;
  /** All methods by their paths, for calls that come by other ways. */
  readonly handlers: ReadonlyMap<string, UniversalHandler>;
}

/** Creates what answers all calls: the services given, health and reflection. */
export function createRpc(options: ServeOptions, limits: ServeLimits, parts: RpcParts): Rpc {
  const { calls, peers } = parts;
  const responses = new WeakMap<HttpRequest, HttpResponse>();
  const handlers = new Map<string, UniversalHandler>();
  const adapter = connectNodeAdapter({
    routes(router) {
      options.routes(router);
      parts.health.routes(router);
      addReflection(router, options.services);
      for (const handler of router.handlers) handlers.set(handler.requestPath, handler);
    },
    requestGate: createGate(options.gate, calls),
    interceptors: [calls.interceptor, ...(options.interceptors ?? [])],
    contextValues: (request) =>
      createContextValues()
        .set(requestIdKey, requestIdOf(request))
        .set(peerKey, peers.ofRequest(request))
        .set(expectBodyKey, (digest) => expectBody(request, digest))
        .set(afterCallKey, (done) => {
          if (carrierOf(request).destroyed) done();
          else responses.get(request)?.once('close', done);
        })
        .set(cutKey, () => carrierOf(request).destroy())
        .set(drainingKey, parts.draining),
    readMaxBytes: limits.readMaxBytes,
    writeMaxBytes: limits.writeMaxBytes,
    compressMinBytes: limits.compressMinBytes,
    shutdownSignal: parts.ending,
  });
  return {
    handlers,
    onRequest(request, response) {
      responses.set(request, response);
      adapter(request, response);
    },
  };
}

/** Decides by the method's descriptor, never by the path's text, which may carry more. */
function createGate(gate: ServeOptions['gate'], calls: Calls) {
  const openStreams = createOpenStreams();
  return async (context: HandlerContext): Promise<void> => {
    calls.begin(context);
    try {
      if (openServices.has(context.service.typeName)) {
        if (context.method.methodKind !== 'unary') openStreams.enter(context);
        return;
      }
      checkQuery(context);
      await gate(context);
    } catch (error) {
      throw toConnectError(error, context.values.get(requestIdKey));
    }
  };
}

/** The RPC library would take a message that is not base64 for a fault of ours. */
function checkQuery({ requestMethod, url }: HandlerContext): void {
  if (requestMethod !== 'GET') return;
  const query = new URL(url).searchParams;
  if (query.get('base64') !== '1') return;
  try {
    base64Decode(query.get('message') ?? '');
  } catch {
    throw refuse(Reason.MALFORMED_REQUEST, 'message in the query is not base64; encode it anew');
  }
}
