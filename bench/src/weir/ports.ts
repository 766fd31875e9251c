import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** So many ports of the loopback address that are free now. */
export async function freePorts(count: number): Promise<number[]> {
  // All are held until all are known, so that none is given twice.
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) server.close();
  return ports;
}
