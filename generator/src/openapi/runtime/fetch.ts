import { type ContextQuery, type FetchAnswer, notModified } from '@weir/sdk/provider';
import type { Api } from './api.ts';
import { partsOf } from './keys.ts';
import type { RequestSpec } from './request.ts';
import type { Incoming } from './send.ts';

/** How a value is got by its key. */
export interface FetchSpec {
  readonly request: RequestSpec;
  /** The parameters of the path that a key is made of, in the order of the path. */
  readonly keyParameters: readonly string[];
}

/** Gets values of a type: the body of the API's answer as it is, with its tag and its time. */
export function fetchItem<T>(
  api: Api,
  { request, keyParameters }: FetchSpec,
): (query: ContextQuery) => Promise<FetchAnswer<T>> {
  return async ({ key, knownEtag, signal }) => {
    const parts = partsOf(key, keyParameters.length);
    if (!parts || parts.includes('')) return undefined;
    const values = Object.fromEntries(keyParameters.map((name, index) => [name, parts[index]]));
    const answer = await api.call(request, values, { signal, knownEtag });
    if (answer.status === 404 || answer.status === 410) return undefined;
    const ttl = ttlOf(answer);
    if (answer.status === 304) return { ...notModified, ...ttl };
    const { etag, 'last-modified': modified } = answer.headers;
    const asOf = modified === undefined ? Number.NaN : Date.parse(modified);
    return {
      value: answer.body,
      contentType: answer.headers['content-type'] ?? 'application/octet-stream',
      ...ttl,
      ...(etag && { etag }),
      ...(Number.isFinite(asOf) && { asOf: new Date(asOf) }),
    };
  };
}

/** How long the API says that its answer holds. */
function ttlOf({ headers }: Incoming): { ttlMs?: number } {
  const control = headers['cache-control'] ?? '';
  if (/\bno-(?:store|cache)\b/.test(control)) return { ttlMs: 0 };
  const [, seconds] = /\bmax-age=(\d{1,9})\b/.exec(control) ?? [];
  return seconds === undefined ? {} : { ttlMs: Number(seconds) * 1_000 };
}
