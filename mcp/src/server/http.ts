import { isIP } from 'node:net';
import {
  type CorsOptions,
  connectionOf,
  type HttpRequest,
  type HttpResponse,
  type Visit,
} from '@weir/kit';
import type { McpGroup } from './backend.ts';
import { errorCodes, McpError } from './json-rpc.ts';

/** A request as the protocol's parts see it. */
export interface Exchange {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly visit: Visit;
  /** The tool group that the path names. Empty: none. */
  readonly group: string;
  /** The group that the caller comes by; undefined: none. */
  readonly inGroup: McpGroup | undefined;
  /** What a client that may not do something is told to bring. */
  challenge(error: McpError): Readonly<Record<string, string>>;
}

/** A header, without blanks around it; undefined: there is none. */
export function headerOf({ headers }: HttpRequest, name: string): string | undefined {
  const value = headers[name];
  return value === undefined ? undefined : String(value).trim();
}

/** Whether a client takes an answer of a media type. One that says nothing takes all. */
export function accepts(request: HttpRequest, type: string): boolean {
  const accept = headerOf(request, 'accept');
  if (accept === undefined || accept === '') return true;
  const [kind] = type.split('/', 1);
  return accept.split(',').some((range) => {
    const [wanted = ''] = range.split(';', 1);
    return ['*/*', `${kind}/*`, type].includes(wanted.trim().toLowerCase());
  });
}

/** Reads the body of a request. Throws McpError where it is too large, or no JSON by its type. */
export async function readBody(request: HttpRequest, maxBytes: number): Promise<Uint8Array> {
  const [type = ''] = (headerOf(request, 'content-type') ?? '').split(';', 1);
  if (type.trim().toLowerCase() !== 'application/json') {
    const text = 'the body must be application/json, and say so in content-type';
    throw new McpError(errorCodes.server, text, { status: 415 });
  }
  const encoding = headerOf(request, 'content-encoding') ?? 'identity';
  if (encoding !== 'identity') {
    const text = `the body is encoded as ${JSON.stringify(encoding)}; send it as it is`;
    throw new McpError(errorCodes.server, text, { status: 415 });
  }
  if (Number(headerOf(request, 'content-length')) > maxBytes) throw tooLarge(maxBytes);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

function tooLarge(maxBytes: number): McpError {
  const text = `the body has more than ${maxBytes} bytes; ask for less at once`;
  return new McpError(errorCodes.server, text, { status: 413 });
}

/** The names under which pages and local programs may call. */
export interface OwnNames {
  /** Names of this server, which its own pages come from. */
  readonly hosts: readonly string[];
  readonly cors: CorsOptions | undefined;
}

/**
 * Says why a request may come from a page that has no business here; undefined: it does not. A page
 * may have had its own name lead to this machine (DNS rebinding), so that browsers hold the two for one.
 */
export function foreignness(request: HttpRequest, { hosts, cors }: OwnNames): string | undefined {
  const { headers } = request;
  const { origin } = headers;
  const host = 'authority' in request ? request.authority : headers.host;
  const name = nameOf(`http://${host}`);
  const isOurs = name !== undefined && isOurName(name, hosts);
  // Only what this machine can reach alone is worth to be reached by a page on it.
  const isLocal = isLoopback(connectionOf(request)?.localAddress ?? '');
  if (!isOurs && (isLocal || origin !== undefined || headers['sec-fetch-site'] !== undefined)) {
    return `the host ${JSON.stringify(String(host).slice(0, 200))} is none of ours: name it in WEIR_PUBLIC_URL`;
  }
  if (origin === undefined) return undefined;
  const origins = cors?.origins ?? [];
  if (origins === '*' || origins.includes(origin)) return undefined;
  const page = nameOf(origin);
  if (page !== undefined && isOurName(page, hosts)) return undefined;
  return `pages of ${JSON.stringify(origin.slice(0, 200))} may not call: allow the origin in WEIR_CORS_ORIGINS`;
}

function nameOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : undefined;
}

function isOurName(name: string, hosts: readonly string[]): boolean {
  return isIP(name) !== 0 || name === 'localhost' || hosts.includes(name);
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}
