import { createHash } from 'node:crypto';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { ListContextRequest } from '@weir/sdk/gen/weir/router/v1/router_pb';
import type { Offer } from '../snapshot/catalogue.ts';

/** Where a list goes on with one source. */
export interface Position {
  /** The provider's own page token. */
  readonly token: string;
  /** Entries of that page that were returned already. */
  readonly skip: number;
  /** The mark of the key that was returned last of that page; empty: none was. */
  readonly last: string;
  readonly done: boolean;
}

/** Room for every source with the longest token and name. */
const MAX_TOKEN_LENGTH = 128 * 1024;
/** More than a provider's message can hold: it may send longer pages than it was asked for. */
const MAX_SKIP = 1_000_000;

/** Packs positions into a token that only goes on with the same request of the same tenant. */
export function writePageToken(
  request: ListContextRequest,
  tenant: string,
  positions: ReadonlyMap<string, Position>,
): string {
  const packed = [...positions].map(([source, { token, skip, last, done }]) => [
    source,
    token,
    skip,
    last,
    done,
  ]);
  return Buffer.from(JSON.stringify([requestHash(request, tenant), packed])).toString('base64url');
}

/** The positions in the request's token; none without a token. */
export function readPageToken(request: ListContextRequest, tenant: string): Map<string, Position> {
  if (request.pageToken === '') return new Map();
  const parsed =
    request.pageToken.length <= MAX_TOKEN_LENGTH ? parse(request.pageToken) : undefined;
  if (!parsed) {
    throw refuse(Reason.INVALID_PAGE, 'page_token is malformed; begin again without it');
  }
  if (parsed.hash !== requestHash(request, tenant)) {
    throw refuse(
      Reason.INVALID_PAGE,
      'page_token belongs to another request; give the same fields, or begin again without it',
    );
  }
  return parsed.positions;
}

/** A short mark by which a key is known again. */
export function keyMark(key: string): string {
  return shortHash(key);
}

/** The name of a source in a token; it tells nothing of whose the provider is. */
export function sourceName({ type, provider }: Offer): string {
  return shortHash(JSON.stringify([type, provider.tenant, provider.name]));
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

function requestHash(request: ListContextRequest, tenant: string): string {
  const { type, keyPrefix, query, provider } = request;
  const text = JSON.stringify([tenant, type, keyPrefix, query, provider]);
  return shortHash(text);
}

function parse(token: string): { hash: string; positions: Map<string, Position> } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch {
    return undefined;
  }
  if (!Array.isArray(value) || typeof value[0] !== 'string' || !Array.isArray(value[1])) {
    return undefined;
  }
  const positions = new Map<string, Position>();
  for (const packed of value[1] as unknown[]) {
    if (!Array.isArray(packed)) return undefined;
    const [source, text, skip, last, done] = packed as unknown[];
    const valid =
      typeof source === 'string' &&
      typeof text === 'string' &&
      typeof last === 'string' &&
      typeof done === 'boolean' &&
      Number.isInteger(skip) &&
      (skip as number) >= 0 &&
      (skip as number) <= MAX_SKIP;
    if (!valid) return undefined;
    positions.set(source, { token: text, skip: skip as number, last, done });
  }
  return { hash: value[0], positions };
}
