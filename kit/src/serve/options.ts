import type { DescMethod, DescService } from '@bufbuild/protobuf';
import type { ConnectError, ConnectRouter, Interceptor } from '@connectrpc/connect';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import type { CorsOptions } from './cors.ts';
import type { Entrance } from './entrance.ts';
import type { HttpRequest, HttpResponse } from './http.ts';
import type { CallHead, LeanMethod, LeanStreamMethod } from './lane/lean-method.ts';
import type { ServeLimits } from './limits.ts';
import type { TrustedProxies } from './peer.ts';
import type { ServerTls } from './tls-server.ts';

/** Who opens WebSockets. */
export interface WebSocketOptions {
  /**
   * Names of this server under which its own pages are, such as `weir.example.com`. Those of other
   * origins may open one as `cors` says, and those under an address or localhost always.
   */
  readonly hosts: readonly string[];
}

/** What to serve, and how. */
export interface ServeOptions {
  /** The address to listen on. */
  readonly host: string;
  /** The port; 0 for one that the system chooses. */
  readonly port: number;
  /** The services served: for health, reflection and deadlines. */
  readonly services: readonly DescService[];
  /** Methods of them that cost far more than others: in an overload they are refused first. */
  readonly dear?: readonly DescMethod[];
  /** Methods whose calls last: they are not among the calls at work once their message is there. */
  readonly lasting?: readonly DescMethod[];
  /** Adds their implementations. */
  routes(router: ConnectRouter): void;
  /**
   * Runs on the headers of every call, before its body is read; health and reflection are
   * exempt. Sets callerKey, or throws a WeirError. Finds the other end of the connection in peerKey.
   */
  gate(head: CallHead): void | Promise<void>;
  /** Told of each call that ends with an error, whatever part of the way it came. Never throws. */
  readonly onFailed?: ((head: CallHead, error: ConnectError) => void) | undefined;
  /** Who reads connections of HTTP/2 where there is a fast lane: node:http2 (the default), or we. */
  readonly http2?: 'own' | 'node';
  /** Methods that also have a fast lane. Left out: none. */
  readonly lean?: readonly (LeanMethod | LeanStreamMethod)[];
  /** Interceptors around the handlers, outermost first. */
  readonly interceptors?: readonly Interceptor[];
  /** The access log, and faults. */
  readonly log: Logger;
  /** Where calls are counted. */
  readonly metrics: Metrics;
  /** Where calls are traced. Left out: they are not. */
  readonly tracing?: Tracing | undefined;
  /** Which pages of other origins may call. Left out: none. */
  readonly cors?: CorsOptions | undefined;
  /** How WebSockets are opened at /ws. Left out: there are none. */
  readonly webSocket?: WebSocketOptions | undefined;
  /** How TLS is spoken on the port. Left out: only clear text is. */
  readonly tls?: ServerTls | undefined;
  /** Which proxies are believed when they say whom they forward. Left out: none. */
  readonly trustedProxies?: TrustedProxies | undefined;
  /** Limits other than the default ones. */
  readonly limits?: Partial<ServeLimits>;
  /** Whether health says SERVING from the start. Default: true. */
  readonly serving?: boolean;
  /**
   * Answers requests that are no calls of the RPC library's: pages, or calls in a protocol of their own,
   * which are let in by the entrance. True when it has taken the request.
   */
  readonly handle?: (request: HttpRequest, response: HttpResponse, entrance: Entrance) => boolean;
}
