import type { LookupAddress } from 'node:dns';
import { isIP, type LookupFunction, connect as openTcp, type Socket } from 'node:net';
import { checkServerIdentity, connect as openTls } from 'node:tls';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { type Allowed, outboundSettings, readAllowed } from './allowed.ts';
import { type AddressRange, rangeOf } from './ranges.ts';
import { createResolve, type Resolve } from './resolve.ts';

/** A connection that was not made: where it would have led is not allowed. */
export class OutboundRefused extends Error {
  override readonly name = 'OutboundRefused';
  readonly code = 'ERR_WEIR_OUTBOUND_REFUSED';
  /** As of Node's own errors: nothing was reached. */
  readonly syscall = 'connect';
}

/** How to connect. */
export interface OutboundOptions {
  /** Protocols to offer in TLS. */
  readonly alpn?: readonly string[];
  /** Whether public addresses are refused too. Default: false. */
  readonly allowedOnly?: boolean;
}

/** The one way to addresses that users can set. */
export interface OutboundGuard {
  /**
   * Why the host of a URL may not be called, as far as the URL itself shows it. Undefined: it may,
   * or is a name, whose addresses are judged when it is called.
   */
  faultOf(url: URL): string | undefined;
  /**
   * Connects to the host and port of a URL, with TLS for https. The addresses that a name has at
   * that moment are judged, and only one that was judged is dialled; a connection to none is
   * destroyed with OutboundRefused.
   */
  connect(url: URL, options?: OutboundOptions): Socket;
}

/** What a guard needs. */
export interface OutboundGuardOptions {
  /** What is allowed besides public addresses, as the setting has it. */
  readonly allow: readonly string[];
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
  /** Finds the addresses of a name. Default: see createResolve. */
  readonly resolve?: Resolve;
}

/** A refused host is told in the log once in this time; as many hosts are remembered. */
const toldAgainMs = 60_000;
const toldMax = 1_000;
/** Stands in for the host, which is given to the guard's own resolution and nowhere else. */
const anyHost = 'outbound';

/** Creates the guard. Throws SettingsError when `allow` cannot be read. */
export function createOutboundGuard(options: OutboundGuardOptions): OutboundGuard {
  const allowed = readAllowed(options.allow);
  const refused = createTelling(options);
  const resolve = options.resolve ?? createResolve();
  const addressesOf = async (host: string, allowedOnly: boolean) => {
    const family = isIP(host);
    const found = family === 0 ? await resolve(host) : [{ address: host, family }];
    const fit = found.filter(({ address }) => mayCall(allowed, address, allowedOnly));
    if (fit.length > 0) return fit;
    throw refused(host, found);
  };
  return {
    faultOf(url) {
      const host = hostOf(url);
      const address = /(^|\.)localhost\.?$/.test(host) ? '127.0.0.1' : host;
      if (isIP(address) === 0 || mayCall(allowed, address, false)) return undefined;
      return `${texts[rangeOf(address)]}, which may not be called from here; give one that may, or ask the operator to allow it (${allowVariable})`;
    },
    connect(url, { alpn, allowedOnly = false } = {}) {
      const host = hostOf(url);
      const lookup = lookupOf(() => addressesOf(host, allowedOnly));
      const secure = url.protocol === 'https:';
      const to = { host: anyHost, port: Number(url.port) || (secure ? 443 : 80), lookup };
      const socket = secure
        ? openTls({
            ...to,
            ...(isIP(host) === 0 && { servername: host }),
            ...(alpn && { ALPNProtocols: [...alpn] }),
            checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
          })
        : openTcp(to);
      // A small call would wait until the one before it is acknowledged, for up to 40 ms (RFC 896).
      return socket.setNoDelay();
    },
  };
}

const { variable: allowVariable } = outboundSettings.outboundAllow;

const texts: Readonly<Record<AddressRange, string>> = {
  public: 'a public address',
  loopback: 'an address of the machine itself',
  private: 'an address of a private network',
  link_local: 'a link-local address',
  metadata: 'an address at which a cloud hands out credentials',
  reserved: 'a reserved address',
};

function mayCall(allowed: Allowed, address: string, allowedOnly: boolean): boolean {
  return allowed.includes(address) || (!allowedOnly && rangeOf(address) === 'public');
}

/**
 * The host of a URL as sockets take it. A URL writes IPv6 in brackets; names are lower case in it,
 * and numbers in their usual form.
 */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

function lookupOf(addresses: () => Promise<readonly LookupAddress[]>): LookupFunction {
  return (_, { all }, done) => {
    addresses().then(
      (found) => {
        const [first] = found;
        if (all) done(null, [...found]);
        else done(null, first?.address ?? '', first?.family);
      },
      (error) => done(error, '', 0),
    );
  };
}

/** Tells the operator of what is refused; callers learn no address. */
function createTelling({ log, metrics }: OutboundGuardOptions) {
  const told = new Map<string, number>();
  const counter = metrics?.meter.createCounter('weir_outbound_refused', {
    description: 'Connections refused because of where they would have led, by its range.',
  });
  counter?.add(0, { range: 'loopback' satisfies AddressRange });
  return (host: string, found: readonly LookupAddress[]): OutboundRefused => {
    const address = found[0]?.address ?? '';
    const range = rangeOf(address);
    counter?.add(1, { range });
    const nowMs = performance.now();
    if (nowMs - (told.get(host) ?? Number.NEGATIVE_INFINITY) >= toldAgainMs) {
      if (told.size >= toldMax) told.clear();
      told.set(host, nowMs);
      const text = `an outbound address was refused; ${allowVariable} says what may be called`;
      log.warn({ host, address, range }, text);
    }
    return new OutboundRefused('the address may not be called from here');
  };
}
