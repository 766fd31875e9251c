import { BlockList, isIP } from 'node:net';

/** Whether addresses lie in a network. */
export type NetworkTest = (address: string) => boolean;

/**
 * Reads a network in CIDR form (RFC 4632, RFC 4291), of IPv4 or IPv6. An IPv4 address that is
 * written as IPv6 (::ffff:10.0.0.1) lies in the networks of IPv4. Throws an Error that says what is
 * wrong; the test throws for what is no address.
 */
export function readNetwork(cidr: string): NetworkTest {
  const [address = '', prefix = '', ...rest] = cidr.split('/');
  const family = isIP(address);
  const length = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  const most = family === 4 ? 32 : 128;
  if (family === 0 || rest.length > 0 || address.includes('%') || !(length <= most)) {
    throw new Error(
      `${JSON.stringify(cidr)} is no network; write it as "10.0.0.0/8" or "2001:db8::/32"`,
    );
  }
  const list = new BlockList();
  list.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6');
  return (text) => {
    const plain = text.split('%', 1)[0] ?? '';
    const found = isIP(plain);
    if (found === 0) throw new Error('environment.network is no address');
    return list.check(plain, found === 4 ? 'ipv4' : 'ipv6');
  };
}
