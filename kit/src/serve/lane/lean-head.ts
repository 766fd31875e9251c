import type { IncomingHttpHeaders } from 'node:http2';
import { readAuthority } from '../authority.ts';
import { timeoutOf } from '../deadline.ts';

/** How a call of the fast lane is spoken. Connect speaks of one message and of many in two ways. */
export type LeanProtocol = 'grpc' | 'connect' | 'grpc-web' | 'connect-stream';

/** What is taken into the fast lane, as its content-type says. */
type Protocols = ReadonlyMap<string | undefined, LeanProtocol>;

/** Of calls that are answered with one message. */
export const unaryProtocols: Protocols = new Map([
  ['application/grpc', 'grpc'],
  ['application/grpc+proto', 'grpc'],
  ['application/proto', 'connect'],
]);

/** Of calls that are answered with many. */
export const streamProtocols: Protocols = new Map([
  ['application/grpc', 'grpc'],
  ['application/grpc+proto', 'grpc'],
  ['application/grpc-web+proto', 'grpc-web'],
  ['application/connect+proto', 'connect-stream'],
]);

/** The header in which each names the compression of messages, and of a deadline. */
const headerNames = {
  grpc: { encoding: 'grpc-encoding', timeout: 'grpc-timeout' },
  'grpc-web': { encoding: 'grpc-encoding', timeout: 'grpc-timeout' },
  connect: { encoding: 'content-encoding', timeout: 'connect-timeout-ms' },
  'connect-stream': { encoding: 'connect-content-encoding', timeout: 'connect-timeout-ms' },
} as const;

/** What the headers of a call in the fast lane say. */
export interface LeanHead {
  readonly protocol: LeanProtocol;
  /** As the caller has it; undefined: it brings none. */
  readonly timeoutMs: number | undefined;
}

/**
 * Reads the headers of a call; undefined: there is something about them that is left to the RPC library,
 * be it right or wrong: compression, a signature over the body, a page of another origin,
 * several credentials, a timeout that cannot be read, more bytes than may be.
 */
export function readLeanHead(
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
  { headersMaxBytes, protocols }: { headersMaxBytes: number; protocols: Protocols },
): LeanHead | undefined {
  const protocol = protocols.get(headers['content-type']);
  if (protocol === undefined || headers[':method'] !== 'POST') return undefined;
  if (headers.expect !== undefined || headers.origin !== undefined) return undefined;
  const isGrpc = protocol === 'grpc' || protocol === 'grpc-web';
  const names = headerNames[protocol];
  const encoding = headers[names.encoding];
  if (encoding !== undefined && encoding !== 'identity') return undefined;
  if (!isGrpc && (headers['connect-protocol-version'] ?? '1') !== '1') return undefined;
  if (!isPlainCredential(headers.authorization)) return undefined;
  if (readAuthority(headers[':authority']) === undefined) return undefined;
  if (!areFew(rawHeaders, headersMaxBytes)) return undefined;
  const given = headers[names.timeout];
  if (given === undefined) return { protocol, timeoutMs: undefined };
  const timeoutMs = typeof given === 'string' ? timeoutOf(given, isGrpc) : undefined;
  return timeoutMs === undefined ? undefined : { protocol, timeoutMs };
}

function isPlainCredential(authorization: string | undefined): boolean {
  return authorization === undefined || /^bearer /i.test(authorization);
}

const credentialName = 'authorization';

/** Names and values by turns: within the limit, and with one credential at most. */
function areFew(rawHeaders: readonly string[], maxBytes: number): boolean {
  let bytes = 0;
  let credentials = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    bytes += name.length + (rawHeaders[at + 1] as string).length;
    if (name.length === credentialName.length && name.toLowerCase() === credentialName) {
      credentials += 1;
    }
  }
  return bytes <= maxBytes && credentials <= 1;
}
