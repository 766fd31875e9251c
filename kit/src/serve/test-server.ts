import { type ConnectRouter, createClient, type Interceptor } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { callerKey } from '../caller.ts';
import { refuse } from '../errors.ts';
import { createLogger, type Logger } from '../log.ts';
import { createMetrics, type Metrics } from '../metrics.ts';
import type { ServeOptions } from './options.ts';
import { type Server, serve } from './serve.ts';

/** The one credential that the test server takes. */
export const authorization = 'Bearer good';

/** A server on a random port, with what it measured. */
export interface TestServer extends Server {
  readonly metrics: Metrics;
}

/** Opens a server whose gate takes one credential, with RouterService or other routes. */
export async function openTestServer(
  options: Partial<ServeOptions> & Pick<ServeOptions, 'routes'>,
): Promise<TestServer> {
  const metrics = createMetrics('test');
  const server = await serve({
    host: '127.0.0.1',
    port: 0,
    services: [RouterService],
    log: silentLog(),
    metrics,
    gate(context) {
      if (context.requestHeader.get('authorization') !== authorization) {
        throw refuse(Reason.CREDENTIAL_INVALID, 'the credential is not known');
      }
      context.values.set(callerKey, {
        tenant: 'acme',
        principal: 'ann',
        consumer: '',
        keyId: 'k1',
        authentication: 'key',
        permits: [],
        network: '127.0.0.1',
        scopes: new Set([Scope.READ]),
        attributes: {},
      });
    },
    // Any suite can be run over our own HTTP/2 too.
    http2: process.env.WEIR_TEST_HTTP2 === 'own' ? 'own' : 'node',
    ...options,
  });
  return {
    ...server,
    metrics,
    async [Symbol.asyncDispose]() {
      await server.drain(0);
      await metrics.shutdown();
    },
  };
}

/** A logger for tests that do not look at it. */
export function silentLog(): Logger {
  return createLogger({ name: 'test', level: 'silent' });
}

/** Handlers that answer with what they were asked. */
export function echoRoutes(router: ConnectRouter): void {
  router.service(RouterService, {
    fetchContext: ({ refs }) => ({
      results: refs.map(({ key }, index) => ({
        index,
        outcome: { case: 'item', value: { etag: key } },
      })),
    }),
    async *streamContext({ fetch }) {
      for (const index of fetch?.refs.keys() ?? []) yield { result: { index } };
    },
  });
}

const authorize: Interceptor = (next) => (request) => {
  if (!request.header.has('authorization')) request.header.set('authorization', authorization);
  return next(request);
};

/** The ways to call, as clients of connect-node. */
export const ways = {
  'gRPC on HTTP/2': (baseUrl: string) =>
    createGrpcTransport({ baseUrl, interceptors: [authorize] }),
  'gRPC-Web on HTTP/1.1': (baseUrl: string) =>
    createGrpcWebTransport({ baseUrl, httpVersion: '1.1', interceptors: [authorize] }),
  'gRPC-Web on HTTP/2': (baseUrl: string) =>
    createGrpcWebTransport({ baseUrl, httpVersion: '2', interceptors: [authorize] }),
  'Connect on HTTP/1.1': (baseUrl: string) =>
    createConnectTransport({ baseUrl, httpVersion: '1.1', interceptors: [authorize] }),
  'Connect on HTTP/2': (baseUrl: string) =>
    createConnectTransport({ baseUrl, httpVersion: '2', interceptors: [authorize] }),
  'Connect JSON on HTTP/1.1': (baseUrl: string) =>
    createConnectTransport({
      baseUrl,
      httpVersion: '1.1',
      useBinaryFormat: false,
      useHttpGet: true,
      interceptors: [authorize],
    }),
} as const;

/** A client of RouterService that is let in. */
export function clientOf(server: Pick<Server, 'url'>, way: keyof typeof ways = 'gRPC on HTTP/2') {
  return createClient(RouterService, ways[way](server.url));
}
