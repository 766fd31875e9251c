import { Http2SessionManager, type Http2SessionOptions } from '@connectrpc/connect-node';
import { type SessionManager, sturdy } from '@weir/sdk/node-sessions';
import type { OutboundGuard } from './guard.ts';

/** Sessions of HTTP/2 to one address, opened as they are needed. */
export interface Sessions extends SessionManager {
  /** Ends them at once. */
  abort(): void;
}

/** How sessions are kept. */
export interface SessionsOptions extends Http2SessionOptions {
  /** How much a peer may send of one answer before it is read, in bytes. */
  readonly windowBytes?: number;
}

/** Opens sessions to an address that a user has set: where it leads is judged with each of them. */
export function openSessions(
  outbound: OutboundGuard,
  url: string,
  { windowBytes, ...options }: SessionsOptions = {},
): Sessions {
  const manager = new Http2SessionManager(url, options, {
    ...(windowBytes !== undefined && { settings: { initialWindowSize: windowBytes } }),
    createConnection: (to) => outbound.connect(to, { alpn: ['h2'] }),
  });
  return { ...sturdy(manager), abort: () => manager.abort() };
}
