import type ipaddr from 'ipaddr.js';
import { type Setting, SettingsError } from '../settings.ts';
import { type AddressRange, rangeOf, readAddress } from './ranges.ts';

/** The words that stand for whole ranges. */
const words = ['loopback', 'private', 'all'] as const;
const entriesMax = 100;
const variable = 'WEIR_OUTBOUND_ALLOW';

/** What the operator allows besides public addresses; see `outboundSettings`. */
export interface Allowed {
  /** Whether an address is called because the operator says so; what is no address never is. */
  includes(address: string): boolean;
}

/**
 * The setting of what may be called besides public addresses: `loopback`, `private` (RFC 1918 and
 * unique local addresses), `all`, and networks such as `10.1.0.0/16`, separated by commas; `none`.
 * Link-local addresses are called only when a network holds them, and addresses at which clouds
 * hand out credentials only when they are named alone, such as `169.254.169.254/32`.
 */
export const outboundSettings = {
  outboundAllow: outboundAllow('none'),
};

/** The same setting with another default. */
export function outboundAllow(byDefault: string): Setting<readonly string[]> {
  const spec = {
    doc: 'What may be called besides public addresses: loopback, private, all, networks such as 10.1.0.0/16, separated by commas; or none',
    default: byDefault,
  };
  return { variable, ...spec, unit: 'ranges', parse: (value) => readEntries(value.trim()) };
}

/** Reads what is allowed. Throws SettingsError for an entry that is neither a word nor a network. */
export function readAllowed(entries: readonly string[]): Allowed {
  const networks = entries.filter((entry) => !isWord(entry)).map(readNetwork);
  const given = new Set(entries);
  const byWord: Readonly<Record<AddressRange, boolean>> = {
    public: true,
    loopback: given.has('loopback') || given.has('all'),
    private: given.has('private') || given.has('all'),
    link_local: given.has('all'),
    reserved: given.has('all'),
    metadata: false,
  };
  return {
    includes(text) {
      const address = readAddress(text);
      if (!address) return false;
      const range = rangeOf(text);
      if (range !== 'public' && byWord[range]) return true;
      return networks.some(
        ({ network, bits, alone }) =>
          (alone || range !== 'metadata') &&
          address.kind() === network.kind() &&
          address.match([network, bits]),
      );
    },
  };
}

function readEntries(value: string): readonly string[] {
  const entries = value.split(',').map((entry) => entry.trim());
  if (value === 'none') return [];
  if (entries.length > entriesMax) {
    throw new SettingsError(variable, 'has too many entries', `use at most ${entriesMax}`);
  }
  readAllowed(entries);
  return entries;
}

interface Network {
  readonly network: ipaddr.IPv4 | ipaddr.IPv6;
  readonly bits: number;
  /** Whether it holds one address only. */
  readonly alone: boolean;
}

function readNetwork(entry: string): Network {
  const [host = '', bits, ...rest] = entry.split('/');
  const network = readAddress(host);
  const most = network?.kind() === 'ipv4' ? 32 : 128;
  const length = bits === undefined ? most : Number(bits);
  const sound = rest.length === 0 && /^\d{1,3}$/.test(bits ?? '0') && length <= most;
  if (network && sound) return { network, bits: length, alone: length === most };
  throw new SettingsError(
    variable,
    `holds "${entry.slice(0, 60)}", which is no network`,
    `use ${words.join(', ')}, a network such as 10.1.0.0/16, or none alone`,
  );
}

function isWord(entry: string): boolean {
  return words.some((word) => word === entry);
}
