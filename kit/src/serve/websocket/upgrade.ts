import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { readAuthority } from '../authority.ts';
import type { CorsOptions } from '../cors.ts';
import type { HttpRequest, HttpResponse } from '../http.ts';
import { codecs, type FrameCodec } from './frames.ts';
import { type Opener, openerOf } from './origin.ts';

/** Where WebSockets are opened. */
export const webSocketPath = '/ws';

const howTo = `open a WebSocket at ${webSocketPath} with the subprotocol ${[...codecs.keys()].join(' or ')}`;

/** What a WebSocket will be. */
export interface Opening {
  readonly codec: FrameCodec;
  readonly opener: Exclude<Opener, 'foreign page'>;
}

/** Why there will be none. */
export interface OpeningRefused {
  readonly status: 400 | 403 | 503;
  readonly text: string;
}

/** Whether a request asks to become a WebSocket here; all other upgrades are plain requests to us. */
export function asksForWebSocket({ headers, url }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket' && isWebSocketPath(url);
}

/** Whether a path is that of WebSockets. */
export function isWebSocketPath(url: string | undefined): boolean {
  return url?.split('?', 1)[0] === webSocketPath;
}

/** Decides whether a request may become a WebSocket. */
export function decideOpening(
  { headers, url }: IncomingMessage,
  own: { readonly cors: CorsOptions | undefined; readonly hosts: readonly string[] },
): Opening | OpeningRefused {
  if (readAuthority(headers.host) === undefined) {
    return { status: 400, text: 'the request names no host' };
  }
  const opener = openerOf(headers, own);
  if (opener === 'foreign page') return { status: 403, text: foreign(headers.origin) };
  if (url?.includes('?')) {
    const text = `${webSocketPath} takes no query: credentials go into the metadata of calls`;
    return { status: 400, text };
  }
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  const codec = [...codecs.values()].find(({ name }) => offered.includes(name));
  return codec ? { codec, opener } : { status: 400, text: `no subprotocol known here: ${howTo}` };
}

function foreign(origin = ''): string {
  const page = JSON.stringify(origin.slice(0, 200));
  return `pages of ${page} may not call: allow the origin in WEIR_CORS_ORIGINS, or name the host of your own pages in WEIR_PUBLIC_URL`;
}

const statusTexts = { 400: 'Bad Request', 403: 'Forbidden', 503: 'Service Unavailable' };

/** Answers a request that does not become a WebSocket, and ends its connection. */
export function refuseUpgrade(socket: Duplex, { status, text }: OpeningRefused): void {
  const body = `${text}\n`;
  const head = [
    `HTTP/1.1 ${status} ${statusTexts[status]}`,
    'connection: close',
    'content-type: text/plain; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  socket.once('finish', () => socket.destroy());
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** Answers a request that comes to the path of WebSockets and does not ask to become one. */
export function answerPlain(request: HttpRequest, response: HttpResponse): void {
  response.statusCode = 426;
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  // HTTP/2 knows no upgrade, and allows no such header.
  if (request.httpVersionMajor === 1) response.setHeader('upgrade', 'websocket');
  (response.end as (text: string) => void).call(response, `${howTo}\n`);
}
