import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** What an address is for, as far as calling it goes. */
export type AddressRange =
  | 'public'
  | 'loopback'
  | 'private'
  | 'link_local'
  | 'metadata'
  | 'reserved';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * Where clouds hand credentials to whoever asks from inside: AWS, GCP, Azure, OpenStack and others
 * (169.254.169.254, and by IPv6), tasks and pods of AWS, the host of Azure, Alibaba, Oracle.
 */
const metadataAddresses: ReadonlySet<string> = new Set(
  [
    '169.254.169.254',
    '169.254.170.2',
    '169.254.170.23',
    'fd00:ec2::254',
    'fd00:ec2::23',
    'fd20:ce::254',
    '168.63.129.16',
    '100.100.100.200',
    '192.0.0.192',
  ].map((text) => ipaddr.parse(text).toNormalizedString()),
);

/** What IANA has given out as global unicast; the rest of IPv6 is called by nobody. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');
/** IPv4 behind a translator (RFC 6052), whose last 32 bits are the address called in the end. */
const translated = ipaddr.IPv6.parseCIDR('64:ff9b::/96');
const ipv6Bytes = 16;
const ipv4Bytes = 4;

/**
 * Reads an address, in the one form that resolvers and URLs give. One of IPv4 in the clothes of
 * IPv6 (mapped, compatible, translated) is the IPv4 address. Undefined: it is none.
 */
export function readAddress(text: string): Address | undefined {
  if (isIP(text) === 0) return undefined;
  const address = ipaddr.parse(text);
  if (!(address instanceof ipaddr.IPv6)) return address;
  const wrapped = address.isIPv4MappedAddress() || address.match(translated);
  return wrapped ? lastOf(address) : address;
}

/** The range of an address. What no range is known for, and what is no address, is reserved. */
export function rangeOf(text: string): AddressRange {
  const address = readAddress(text);
  return address ? rangeOfAddress(address) : 'reserved';
}

function rangeOfAddress(address: Address): AddressRange {
  if (metadataAddresses.has(address.toNormalizedString())) return 'metadata';
  switch (address.range()) {
    case 'unicast':
      return address instanceof ipaddr.IPv6 && !address.match(globalUnicast)
        ? 'reserved'
        : 'public';
    case 'loopback':
      return 'loopback';
    case 'private':
    case 'uniqueLocal':
      return 'private';
    case 'linkLocal':
      return 'link_local';
    default:
      return 'reserved';
  }
}

function lastOf(address: ipaddr.IPv6): ipaddr.IPv4 {
  return new ipaddr.IPv4(address.toByteArray().slice(ipv6Bytes - ipv4Bytes));
}
