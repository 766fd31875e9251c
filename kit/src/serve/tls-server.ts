import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { createFewLines } from './few-lines.ts';
import type { ServeLimits } from './limits.ts';
import type { LiveTls } from './tls.ts';
import type { TlsMaterial } from './tls-files.ts';

/** How a listener speaks TLS. */
export interface ServerTls {
  /** The certificate, and the authorities of those of clients. */
  readonly live: LiveTls;
  /** Whether clients are asked for a certificate, and whether they must have one. */
  readonly clientCert: 'none' | 'request' | 'require';
  /** Whether clear text is taken on the same port. */
  readonly clearText: boolean;
}

/** The part of a listener that speaks TLS. */
export interface TlsSide {
  /** Takes a connection whose first bytes are those of TLS. */
  accept(socket: Socket): void;
  /** Whether the authorities of clients have changed since a connection was let in. */
  isOutdated(socket: object): boolean;
}

/** What the part needs. */
export interface TlsSideOptions {
  readonly tls: ServerTls;
  readonly limits: Pick<ServeLimits, 'silentSocketMs'>;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Takes a connection over, whose peer speaks what was agreed on. */
  readonly onSecure: (socket: TLSSocket, protocol: 'http1' | 'http2') => void;
  /** Connections were let in under authorities that are not in force any more. */
  readonly onOutdated: () => void;
}

/**
 * Opens the part of a listener that speaks TLS 1.3; it is given its connections. What is spoken
 * inside is agreed on by ALPN; without it, HTTP/1.1.
 */
export function openTlsSide(options: TlsSideOptions): TlsSide {
  const { tls, limits, log } = options;
  const counted = countHandshakes(options.metrics);
  const authorities = new WeakMap<object, string | undefined>();
  const server = createServer({
    ...contextOf(tls, tls.live.current),
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: limits.silentSocketMs,
    requestCert: tls.clientCert !== 'none',
    rejectUnauthorized: tls.clientCert === 'require',
  });
  tls.live.onChange((current, before) => {
    server.setSecureContext(contextOf(tls, current));
    if (tls.clientCert !== 'none' && current.ca !== before.ca) options.onOutdated();
  });
  const strangers = createFewLines(log, 'failed TLS handshakes are not all told one by one');
  const failed = (error: Error, socket: TLSSocket) => {
    counted('failed');
    const line = { fault: codeOf(error), address: socket.remoteAddress };
    strangers.write(() => log.info(line, 'a TLS handshake failed'));
    socket.destroy();
  };
  server.on('tlsClientError', failed);
  server.on('secureConnection', (socket) => {
    // What a client shows must hold: one whose certificate is wrong is not one without any.
    if (tls.clientCert !== 'none' && !socket.authorized && socket.getPeerX509Certificate()) {
      return failed(socket.authorizationError, socket);
    }
    counted('ok');
    authorities.set(socket, tls.live.current.ca);
    options.onSecure(socket, socket.alpnProtocol === 'h2' ? 'http2' : 'http1');
  });
  return {
    accept: (socket) => void server.emit('connection', socket),
    isOutdated(socket) {
      return authorities.has(socket) && authorities.get(socket) !== tls.live.current.ca;
    },
  };
}

/** Nothing is resumed: a session that was would not be verified by the authorities in force. */
function contextOf({ clientCert }: ServerTls, { cert, key, ca }: TlsMaterial): TlsOptions {
  return {
    ...{ cert, key, minVersion: 'TLSv1.3', secureOptions: constants.SSL_OP_NO_TICKET },
    ...(clientCert !== 'none' && ca !== undefined && { ca }),
  };
}

/** With what verification failed; Node gives it as an error or as the name of one. */
function codeOf(error: Error | string): string {
  if (typeof error === 'string') return error;
  return 'code' in error ? String(error.code) : error.message;
}

function countHandshakes({ meter }: Metrics) {
  const handshakes = meter.createCounter('weir_tls_handshakes', {
    description: 'Handshakes of TLS with callers, by what became of them.',
  });
  const count = (result: 'ok' | 'failed', by = 1) => handshakes.add(by, { result });
  count('ok', 0);
  count('failed', 0);
  return count;
}
