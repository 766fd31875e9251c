import type { FetchLike } from '@modelcontextprotocol/client';
import type { OutboundGuard } from '@weir/kit';
import { openGuardedFetch } from '../guarded-fetch.ts';

/** The greatest document of an authorization server that is read. */
const documentMaxBytes = 256 * 1024;
/** The time for one request to an authorization server. */
const requestTimeoutMs = 15_000;
const echoMinChars = 8;
const told = ['refresh_token', 'client_secret', 'client_assertion', 'code', 'code_verifier'];

/**
 * Fetches what OAuth needs, from whatever origin the upstream's metadata names: so each address
 * passes the guard, no redirect is followed, and size and time are bounded. What was sent in secret
 * is taken out of an answer that says no, as such answers are told and logged.
 */
export function createOAuthFetch(outbound: OutboundGuard): FetchLike {
  return async (target, init = {}) => {
    const url = new URL(target);
    if (!/^https?:$/.test(url.protocol)) throw new TypeError(`${url.protocol} is not fetched`);
    using guarded = openGuardedFetch(outbound, url, documentMaxBytes);
    const body = init.body instanceof URLSearchParams ? String(init.body) : init.body;
    const late = AbortSignal.timeout(requestTimeoutMs);
    const signal = init.signal ? AbortSignal.any([init.signal, late]) : late;
    const answer = await guarded.fetch(url, { ...init, ...(body != null && { body }), signal });
    const bytes = await answer.arrayBuffer();
    const { status, headers } = answer;
    if (answer.ok) return new Response(bytes.byteLength > 0 ? bytes : null, { status, headers });
    const text = withoutEchoes(new TextDecoder().decode(bytes), secretsOf(init.headers, body));
    return new Response(text === '' ? null : text, { status, headers });
  };
}

function secretsOf(headers: RequestInit['headers'], body: unknown): string[] {
  const params = new URLSearchParams(typeof body === 'string' ? body : '');
  const [, sent = ''] = new Headers(headers ?? {}).get('authorization')?.split(' ') ?? [];
  const [, password = ''] = Buffer.from(sent, 'base64').toString().split(':');
  return [...told.map((name) => params.get(name) ?? ''), sent, password];
}

function withoutEchoes(text: string, secrets: readonly string[]): string {
  const sent = secrets.filter((secret) => secret.length >= echoMinChars);
  return sent.reduce((rest, secret) => rest.replaceAll(secret, '…'), text);
}
