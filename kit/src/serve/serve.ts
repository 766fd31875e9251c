import { Health } from '@weir/sdk/gen/health/v1/health_pb';
import { openDoor } from './admit.ts';
import { createCalls } from './calls.ts';
import { createDeadlines } from './deadline.ts';
import { shuttingDown } from './draining.ts';
import { createEntrance } from './entrance.ts';
import { createHealth } from './health.ts';
import { openLane } from './lane/lane.ts';
import { createLastingController } from './lasting-signal.ts';
import { defaultLimits, type ServeLimits } from './limits.ts';
import { createRequests, type Listener, openListener } from './listener.ts';
import type { ServeOptions } from './options.ts';
import { createPeers } from './peer.ts';
import { createPipeline } from './pipeline.ts';
import { createRpc } from './rpc.ts';
import { createSlowReaders } from './slow-reader.ts';
import { openWebSockets } from './websocket/sockets.ts';

const disposeGraceMs = 5000;
/** How long a peer may take to hear that it is to go elsewhere. */
const noticeMs = 3_000;
const farewellMs = 250;

/** A listening server. Disposing of it drains it for at most 5 s. */
export interface Server extends AsyncDisposable {
  /** Where it listens, such as `http://127.0.0.1:7070`; https where only TLS is spoken. */
  readonly url: string;
  /** The port that it listens on. */
  readonly port: number;
  /** Says what health answers. */
  setServing(serving: boolean): void;
  /**
   * Stops: health says NOT_SERVING, no connection is taken any more, peers are asked to go
   * elsewhere. What they sent before they knew is served. Calls under way have `graceMs` to end,
   * then they are ended.
   */
  drain(graceMs: number): Promise<void>;
  /** Aborted when draining begins. Handlers of long streams end them then. */
  readonly draining: AbortSignal;
}

/**
 * Serves gRPC, gRPC-Web and Connect on one port, in clear text or over TLS, over HTTP/1.1 and HTTP/2,
 * with health, reflection, deadlines, limits, an access log and metrics. Rejects when the address
 * cannot be had.
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const limits: ServeLimits = { ...defaultLimits, ...options.limits };
  const health = createHealth(options.services, options.serving ?? true);
  const draining = createLastingController();
  const ending = createLastingController();
  const signals = { draining: draining.signal, ending: ending.signal };
  const calls = createCalls(options);
  const peers = createPeers(options.trustedProxies ?? (() => false));
  const rpc = createRpc(options, limits, { calls, peers, health, ...signals });
  const slowReaders = createSlowReaders(limits);
  const door = openDoor(options, limits);
  const { admission, admit, refused } = door;
  const onRequest = createPipeline(options, limits, {
    ...{ rpc: rpc.onRequest, slowReaders, admit },
    entrance: createEntrance(options, limits, { calls, peers, door, ...signals }),
    draining: draining.signal,
  });
  const requests = createRequests();
  const lane = openLane({
    ...{ limits, calls, admission, refused, requests, readers: slowReaders },
    methods: options.lean ?? [],
    lasting: options.lasting ?? [],
    gate: options.gate,
    peerOf: peers.ofStream,
    ...signals,
  });
  const { host, port, log, metrics, tls, webSocket, cors, http2 = 'node' } = options;
  const webSockets = webSocket
    ? openWebSockets({
        ...{ limits, log, metrics, cors, hosts: webSocket.hosts, peers, door, requests },
        ...{ handlers: rpc.handlers, readers: slowReaders, draining: draining.signal },
        boundDeadline: createDeadlines([...options.services, Health], limits),
      })
    : undefined;
  const onPort = { host, port, limits, log, metrics, tls, http2 };
  const listener = await openListener({
    ...{ ...onPort, onRequest, requests, lane, webSockets },
    readers: slowReaders,
  });
  let drained: Promise<void> | undefined;
  const drain = (graceMs: number) => {
    drained ??= runDrain(listener, graceMs, {
      begin() {
        health.close();
        draining.abort();
      },
      end: () => ending.abort(shuttingDown()),
    }).finally(() => {
      slowReaders[Symbol.dispose]();
      lane[Symbol.dispose]();
    });
    return drained;
  };
  return {
    url: urlOf(host, listener.port, tls && !tls.clearText ? 'https' : 'http'),
    port: listener.port,
    draining: draining.signal,
    setServing: (serving) => health.setServing(serving),
    drain,
    [Symbol.asyncDispose]: () => drain(disposeGraceMs),
  };
}

async function runDrain(
  listener: Listener,
  graceMs: number,
  on: { begin(): void; end(): void },
): Promise<void> {
  const endMs = performance.now() + graceMs;
  on.begin();
  await listener.retire(Math.min(noticeMs, graceMs));
  if (!(await listener.quiet(Math.max(0, endMs - performance.now())))) {
    on.end();
    await listener.quiet(farewellMs);
  }
  await listener.close();
}

function urlOf(host: string, port: number, scheme: 'http' | 'https'): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${scheme}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
