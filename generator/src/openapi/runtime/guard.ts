import { type LookupAddress, lookup as lookUp } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** Says which addresses may be called. */
export interface Guard {
  /** Why a host may not be called, as far as the URL itself shows it. Undefined: it may, or is a name. */
  faultOf(url: URL): string | undefined;
  /**
   * Finds the addresses of a name, and refuses those that may not be called; `lookup` of a request.
   * Clear text goes only to addresses that are allowed by name or word.
   */
  lookupFor(url: URL): LookupFunction;
}

/** What an address is for, as far as calling it goes. */
type Range = 'public' | 'loopback' | 'private' | 'reserved' | 'metadata';

/** Networks by their range, the first that holds an address counts. What none holds is reserved. */
const ranges: readonly (readonly [Range, BlockList])[] = [
  [
    // Where clouds hand credentials to whoever asks from inside.
    'metadata',
    listOf([
      ...['169.254.169.254', '169.254.170.2', '169.254.170.23', '168.63.129.16'],
      ...['100.100.100.200', '192.0.0.192', 'fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254'],
    ]),
  ],
  ['loopback', listOf(['127.0.0.0/8', '::1'])],
  ['private', listOf(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'])],
  [
    'reserved',
    listOf([
      ...['0.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '192.0.0.0/24', '192.0.2.0/24'],
      ...['192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24', '192.175.48.0/24'],
      ...['198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
      ...['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20'],
    ]),
  ],
  // What IANA has given out of IPv6 as global unicast; nobody is called by the rest.
  ['public', listOf(['0.0.0.0/0', '2000::/3'])],
];

/**
 * Creates a guard that lets public addresses through, and what `allow` names besides: `loopback`,
 * `private` and networks such as `10.1.0.0/16`. Addresses at which clouds hand out credentials are
 * called only when they are named alone, such as `169.254.169.254`.
 *
 * @throws {TypeError} for an entry that is none of these.
 */
export function createGuard(allow: readonly string[]): Guard {
  const words: readonly string[] = allow.filter((entry) => /^(?:loopback|private)$/.test(entry));
  const networks = allow.filter((entry) => !words.includes(entry));
  const named = listOf(networks);
  const namedAlone = listOf(networks.filter((entry) => readNetwork(entry).isAlone));
  const mayCall = (text: string, url: URL): boolean => {
    const address = readAddress(text);
    const range = rangeOf(address);
    const networksFor = range === 'metadata' ? namedAlone : named;
    if (words.includes(range) || holds(networksFor, address)) return true;
    return range === 'public' && url.protocol === 'https:';
  };
  return {
    faultOf(url) {
      const host = url.hostname.replace(/^\[|\]$/g, '');
      return isIP(host) === 0 || mayCall(host, url) ? undefined : faultText(url);
    },
    lookupFor: (url) => (host, options, done) => {
      lookUp(host, { ...options, all: true }, (error, found: LookupAddress[]) => {
        const fit = error ? [] : found.filter(({ address }) => mayCall(address, url));
        const [first] = fit;
        if (error || !first) {
          const refusal = Object.assign(new Error(faultText(url)), { code: 'ERR_REFUSED' });
          done(error ?? refusal, '', 0);
        } else if (options.all) done(null, fit);
        else done(null, first.address, first.family);
      });
    },
  };
}

function faultText({ hostname, protocol }: URL): string {
  const reason = protocol === 'https:' ? 'is not public' : 'is called in clear text';
  return `${hostname} ${reason} and may not be called; allow it in WEIR_OUTBOUND_ALLOW`;
}

/** Of IPv4 in the clothes of IPv6, mapped or translated (RFC 6052), the address of IPv4; no zone. */
function readAddress(text: string): string {
  const [address = ''] = text.split('%');
  if (isIP(address) !== 6) return address;
  const { hostname } = new URL(`https://[${address}]`);
  const wrapped = /^\[(?:::ffff|64:ff9b:):([\da-f]+):([\da-f]+)\]$/.exec(hostname);
  if (!wrapped) return address;
  const halves = wrapped.slice(1).map((half) => Number.parseInt(half, 16));
  return halves.flatMap((half) => [half >> 8, half & 0xff]).join('.');
}

function rangeOf(address: string): Range {
  return ranges.find(([, list]) => holds(list, address))?.[0] ?? 'reserved';
}

function holds(list: BlockList, address: string): boolean {
  return list.check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

function listOf(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const { host, bits } of entries.map(readNetwork)) list.addSubnet(host, bits, familyOf(host));
  return list;
}

function readNetwork(entry: string) {
  const [host = '', length, ...rest] = entry.split('/');
  const most = isIP(host) === 6 ? 128 : 32;
  const bits = length === undefined ? most : Number(length);
  const isSound = rest.length === 0 && /^\d{1,3}$/.test(length ?? '0') && bits <= most;
  if (isIP(host) !== 0 && isSound) return { host, bits, isAlone: bits === most };
  throw new TypeError(`"${entry}" is no network; write loopback, private or 10.1.0.0/16`);
}
