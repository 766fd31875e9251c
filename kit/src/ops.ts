import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import { listenFault } from './settings.ts';

const requestTimeoutMs = 10_000;
const headersMaxBytes = 8 * 1024;

/** How to open the operations listener. */
export interface OperationsOptions {
  /** The address to listen on. Its answers are for operators: keep it off the open network. */
  readonly host: string;
  /** The port; 0 for one that the system chooses. */
  readonly port: number;
  /** Why the process cannot serve yet, or undefined when it can. */
  ready(): string | undefined;
  /** What is wrong though the process can serve; undefined: nothing. */
  warning?(): string | undefined;
  /** What `/metrics` shows. */
  readonly metrics: Metrics;
  /** Where faults go. */
  readonly log: Logger;
}

/** A listening operations server. */
export interface Operations extends AsyncDisposable {
  /** The port that it listens on. */
  readonly port: number;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Serves `/healthz` (alive), `/readyz` (ready, or why not) and `/metrics` (Prometheus). */
export async function openOperations(options: OperationsOptions): Promise<Operations> {
  options.metrics.meter
    .createObservableGauge('weir_ready', { description: '1 when /readyz says ready, else 0.' })
    .addCallback((result) => result.observe(options.ready() === undefined ? 1 : 0));
  const server = createServer(
    { requestTimeout: requestTimeoutMs, maxHeaderSize: headersMaxBytes },
    (request, response) => {
      void answer(request, options)
        .catch((error: unknown) => failed(error, options.log))
        .then((what) => send(request, response, what));
    },
  );
  await new Promise<void>((resolve, reject) => {
    const failed = (error: Error) => reject(listenFault(error, options.host, options.port));
    server.once('error', failed);
    server.listen({ host: options.host, port: options.port }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(request: IncomingMessage, options: OperationsOptions): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, 'use GET');
  switch (request.url?.split('?', 1)[0]) {
    case '/healthz':
      return plain(200, 'ok');
    case '/readyz': {
      const why = options.ready();
      if (why !== undefined) return plain(503, `not ready: ${why}`);
      const warning = options.warning?.();
      return plain(200, warning === undefined ? 'ready' : `ready, but: ${warning}`);
    }
    case '/metrics':
      return {
        status: 200,
        type: 'text/plain; version=0.0.4; charset=utf-8',
        body: await options.metrics.text(),
      };
    default:
      return plain(404, 'there is /healthz, /readyz and /metrics');
  }
}

function failed(error: unknown, log: Logger): Answer {
  log.error({ err: error }, 'an operations request failed');
  return plain(500, 'internal error');
}

function plain(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` };
}

function send(request: IncomingMessage, response: ServerResponse, what: Answer): void {
  response.writeHead(what.status, {
    'content-type': what.type,
    'content-length': Buffer.byteLength(what.body),
    'cache-control': 'no-store',
  });
  response.end(request.method === 'HEAD' ? undefined : what.body);
}
