import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { deriveKey } from '@weir/kit';

const NAME_BYTES = 9;
const RANDOM_BYTES = 12;
const MAC_BYTES = 12;

/** What an id is of. */
type Kind = 'question' | 'stream' | 'connection';

/**
 * Ids of what one router has in its memory. Each says which router that is, so that any other can ask it,
 * and is good only together with what it was made for: nobody can make one up.
 */
export interface RouterIds {
  /** The name of this router, another after each start. */
  readonly own: string;
  /** A new id, of letters, digits, "-", "_" and two dots. */
  write(kind: Kind, madeFor: string): string;
  /** The router that made an id; undefined: none did, or for something else. */
  madeBy(id: string, kind: Kind, madeFor: string): string | undefined;
}

/** Opens the ids of a router. */
export function createRouterIds(serviceSecret: Uint8Array): RouterIds {
  const key = deriveKey(serviceSecret, 'weir mcp router id v1');
  const own = randomBytes(NAME_BYTES).toString('base64url');
  const sign = (...parts: readonly string[]) =>
    createHmac('sha256', key).update(JSON.stringify(parts)).digest().subarray(0, MAC_BYTES);
  return {
    own,
    write(kind, madeFor) {
      const random = randomBytes(RANDOM_BYTES).toString('base64url');
      return `${own}.${random}.${sign(kind, own, random, madeFor).toString('base64url')}`;
    },
    madeBy(id, kind, madeFor) {
      const [, router = '', random = '', mac = ''] =
        /^([\w-]{12})\.([\w-]{16})\.([\w-]{16})$/.exec(id) ?? [];
      const given = Buffer.from(mac, 'base64url');
      if (given.length !== MAC_BYTES) return undefined;
      return timingSafeEqual(given, sign(kind, router, random, madeFor)) ? router : undefined;
    },
  };
}
