import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { type Caller, deriveKey, refuse } from '@weir/kit';
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

/** Packs positions into tokens that only go on with the same request of the same principal. */
export interface PageTokens {
  write(request: ListContextRequest, caller: Asker, positions: Positions): string;
  /** The positions in the request's token; none without a token. Throws INVALID_PAGE. */
  read(request: ListContextRequest, caller: Asker): Map<string, Position>;
}

type Asker = Pick<Caller, 'tenant' | 'principal'>;
type Positions = ReadonlyMap<string, Position>;

/**
 * Opens the page tokens of an installation; they are sealed with a key of its secret, for where
 * providers go on, and how much was passed, can tell of what the caller may not know of.
 */
export function createPageTokens(serviceSecret: Uint8Array): PageTokens {
  const key = deriveKey(serviceSecret, 'weir page token v2');
  const bound = (request: ListContextRequest, { tenant, principal }: Asker) => {
    const { type, keyPrefix, query, provider, purpose } = request;
    const fields = [tenant, principal, type, keyPrefix, query, provider, purpose];
    return Buffer.from(JSON.stringify(fields));
  };
  return {
    write(request, caller, positions) {
      const packed = [...positions].map(([source, { token, skip, last, done }]) => [
        source,
        token,
        skip,
        last,
        done,
      ]);
      return seal(key, bound(request, caller), JSON.stringify(packed)).toString('base64url');
    },
    read(request, caller) {
      const { pageToken } = request;
      if (pageToken === '') return new Map();
      const sealed = Buffer.from(
        pageToken.length <= MAX_TOKEN_LENGTH ? pageToken : '',
        'base64url',
      );
      if (sealed[0] !== FORM || sealed.length <= HEAD_BYTES) throw malformed();
      const packed = unseal(key, bound(request, caller), sealed);
      if (packed === undefined) {
        throw refuse(
          Reason.INVALID_PAGE,
          'page_token belongs to another request; give the same fields, or begin again without it',
        );
      }
      const positions = parse(packed);
      if (!positions) throw malformed();
      return positions;
    },
  };
}

const CIPHER = 'aes-256-gcm';
/** The first byte of a token. */
const FORM = 2;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES;

function seal(key: Uint8Array, bound: Uint8Array, text: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(bound);
  const body = [cipher.update(text, 'utf8'), cipher.final()];
  return Buffer.concat([Buffer.of(FORM), nonce, cipher.getAuthTag(), ...body]);
}

/** Undefined: it was sealed for something else, or with another key, or was changed. */
function unseal(key: Uint8Array, bound: Uint8Array, sealed: Buffer): string | undefined {
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
  const tag = sealed.subarray(1 + NONCE_BYTES, HEAD_BYTES);
  try {
    const decipher = createDecipheriv(CIPHER, key, nonce).setAAD(bound).setAuthTag(tag);
    const body = [decipher.update(sealed.subarray(HEAD_BYTES)), decipher.final()];
    return Buffer.concat(body).toString('utf8');
  } catch {
    return undefined;
  }
}

function malformed() {
  return refuse(Reason.INVALID_PAGE, 'page_token is malformed; begin again without it');
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

function parse(text: string): Map<string, Position> | undefined {
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value)) return undefined;
  const positions = new Map<string, Position>();
  for (const packed of value as unknown[]) {
    if (!Array.isArray(packed)) return undefined;
    const [source, token, skip, last, done] = packed as unknown[];
    const valid =
      typeof source === 'string' &&
      typeof token === 'string' &&
      typeof last === 'string' &&
      typeof done === 'boolean' &&
      Number.isInteger(skip) &&
      (skip as number) >= 0 &&
      (skip as number) <= MAX_SKIP;
    if (!valid) return undefined;
    positions.set(source, { token, skip: skip as number, last, done });
  }
  return positions;
}
