import { isIP, type Socket } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Counts connections by the address that they come from. */
export interface AddressCount {
  /** Counts a connection until it closes; destroys it when its address has as many as it may. */
  enter(socket: Socket): boolean;
}

/**
 * Creates a count that allows `max` connections of one address at once. Of IPv6, a network of 64 bits
 * counts as one: whoever has an address there has them all (RFC 4291, 2.5.4).
 */
export function createAddressCount(max: number): AddressCount {
  const counts = new Map<string, number>();
  return {
    enter(socket) {
      const address = originOf(socket.remoteAddress ?? '');
      const count = counts.get(address) ?? 0;
      if (count >= max) {
        socket.destroy();
        return false;
      }
      counts.set(address, count + 1);
      socket.once('close', () => {
        const left = (counts.get(address) ?? 1) - 1;
        if (left > 0) counts.set(address, left);
        else counts.delete(address);
      });
      return true;
    },
  };
}

const groupsOfNetwork = 4;

/** What an address is counted as. */
export function originOf(address: string): string {
  const plain = address.split('%', 1)[0] ?? '';
  if (isIP(plain) === 0) return plain;
  const parsed = ipaddr.process(plain);
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString();
  const groups = parsed.parts.slice(0, groupsOfNetwork).map((group) => group.toString(16));
  return `${groups.join(':')}::/64`;
}
