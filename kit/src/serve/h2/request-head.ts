import type { IncomingHttpHeaders } from 'node:http2';

const pseudoHeaders: ReadonlySet<string> = new Set([':method', ':scheme', ':path', ':authority']);
/** They are of HTTP/1.1 (RFC 9113, 8.2.2). */
const ofConnections: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
  'host',
]);
const plainName = /^[!#$%&'*+\-.^_`|~\da-z]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are looked for
const unseemly = /[\0-\x08\x0a-\x1f\x7f]|^[ \t]|[ \t]$/;

/**
 * The headers of a request as an object. Undefined: something about them is wrong, or seldom: that is left
 * to those who know all of HTTP.
 */
export function readRequestHead(fields: readonly string[]): IncomingHttpHeaders | undefined {
  const headers: IncomingHttpHeaders = Object.create(null);
  let isPseudo = true;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    const value = fields[at + 1] as string;
    if (name in headers || unseemly.test(value)) return undefined;
    if (name.charCodeAt(0) === 0x3a) {
      if (!isPseudo || !pseudoHeaders.has(name)) return undefined;
    } else {
      isPseudo = false;
      if (!plainName.test(name)) return undefined;
      if (ofConnections.has(name) && !(name === 'te' && value === 'trailers')) return undefined;
    }
    headers[name] = value;
  }
  return headers[':scheme'] === undefined ? undefined : headers;
}

/** How long the body is to be; NaN: nobody says. Undefined: what is said is no length. */
export function promisedLength({
  'content-length': length,
}: IncomingHttpHeaders): number | undefined {
  if (length === undefined) return Number.NaN;
  return /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}
