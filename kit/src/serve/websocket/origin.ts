import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { CorsOptions } from '../cors.ts';

/** Whose page opens a WebSocket: nobody's (no browser does), our own, one that is allowed, or none. */
export type Opener = 'program' | 'own page' | 'allowed page' | 'foreign page';

/**
 * Tells whose page opens a WebSocket. Browsers ask nobody before they open one, so that it is here that
 * a foreign page is kept out. A page counts as our own when it comes from the host that it calls, and
 * that host is an address, localhost or a name of ours: any other name may have been led here by
 * whoever owns it (DNS rebinding).
 */
export function openerOf(
  { origin, host }: Pick<IncomingHttpHeaders, 'origin' | 'host'>,
  { cors, hosts }: { readonly cors: CorsOptions | undefined; readonly hosts: readonly string[] },
): Opener {
  if (origin === undefined) return 'program';
  if (isOwn(origin, host, hosts)) return 'own page';
  const origins = cors?.origins ?? [];
  return origins === '*' || origins.includes(origin) ? 'allowed page' : 'foreign page';
}

function isOwn(origin: string, host: string | undefined, hosts: readonly string[]): boolean {
  if (host === undefined || !URL.canParse(origin) || !URL.canParse(`http://${host}`)) return false;
  const page = new URL(origin);
  // A port that the scheme implies is left out of both.
  const called = new URL(`${page.protocol}//${host}`);
  return page.host !== '' && page.host === called.host && isOurName(called.hostname, hosts);
}

function isOurName(hostname: string, hosts: readonly string[]): boolean {
  const plain = hostname.replace(/^\[|\]$/g, '');
  return isIP(plain) !== 0 || plain === 'localhost' || hosts.includes(hostname);
}
