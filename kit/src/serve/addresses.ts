import type { Socket } from 'node:net';

/** Counts connections by the address that they come from. */
export interface AddressCount {
  /** Counts a connection until it closes; destroys it when its address has as many as it may. */
  enter(socket: Socket): boolean;
}

/** Creates a count that allows `max` connections of one address at once. */
export function createAddressCount(max: number): AddressCount {
  const counts = new Map<string, number>();
  return {
    enter(socket) {
      const address = socket.remoteAddress ?? '';
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
