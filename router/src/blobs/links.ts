import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Clock, deriveKey } from '@weir/kit';
import type { BlobId, BlobLink } from './blob-store.ts';

/** Where the values of a router begin. */
export const BLOBS_PATH = '/blobs/';

/** What a link leads to. */
export interface Linked extends Pick<BlobId, 'tenant' | 'sha256'> {
  readonly contentType: string;
}

/** Makes links that anybody can follow and nobody can forge, and reads them. */
export interface Links {
  /** Makes a link that holds for the time of all links. */
  make(linked: Linked): BlobLink;
  /** What the target of a request leads to, or why it leads nowhere. */
  read(target: string): Linked | 'forged' | 'expired';
}

const PURPOSE = 'weir blob links 1';

/** Opens the links of an installation; a relative one when there is no public URL. */
export function createLinks(options: {
  readonly secret: Uint8Array;
  readonly holdMs: number;
  readonly publicUrl: string | undefined;
  readonly clock: Clock;
}): Links {
  const { holdMs, clock } = options;
  const base = options.publicUrl?.replace(/\/+$/, '') ?? '';
  const key = deriveKey(options.secret, PURPOSE);
  const signatureOf = ({ tenant, sha256, contentType }: Linked, expires: string) =>
    createHmac('sha256', key)
      .update(JSON.stringify([tenant, sha256, contentType, expires]))
      .digest();
  return {
    make(linked) {
      const expireS = Math.ceil((clock.wallMs() + holdMs) / 1000);
      const query = new URLSearchParams({
        type: linked.contentType,
        expires: String(expireS),
        signature: signatureOf(linked, String(expireS)).toString('base64url'),
      });
      const url = `${base}${BLOBS_PATH}${linked.tenant}/${linked.sha256}?${query}`;
      return { url, expireMs: expireS * 1000 };
    },
    read(target) {
      const [path = '', search = ''] = target.split('?', 2);
      const [tenant = '', sha256 = '', ...rest] = path.slice(BLOBS_PATH.length).split('/');
      const query = new URLSearchParams(search);
      const linked = { tenant, sha256, contentType: query.get('type') ?? '' };
      const expires = query.get('expires') ?? '';
      const given = Buffer.from(query.get('signature') ?? '', 'base64url');
      const wanted = signatureOf(linked, expires);
      const equal = given.length === wanted.length && timingSafeEqual(given, wanted);
      if (!equal || rest.length > 0) return 'forged';
      return Number(expires) * 1000 > clock.wallMs() ? linked : 'expired';
    },
  };
}
