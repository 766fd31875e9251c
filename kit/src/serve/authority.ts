import { isIPv6 } from 'node:net';

/** Most calls of a process are to one authority. */
let last = { given: '', read: '' };

/**
 * The authority of a request, such as "weir.example:7070", in a form of which a URL can be made;
 * undefined: it has none. Clients on node:http2 leave the brackets of an IPv6 address away.
 */
export function readAuthority(given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  if (given === last.given && given !== '') return last.read;
  const read = withBrackets(given);
  if (!URL.canParse(`http://${read}`)) return undefined;
  last = { given, read };
  return read;
}

function withBrackets(authority: string): string {
  if (isIPv6(authority)) return `[${authority}]`;
  const [, address = '', port] = /^([\da-f:.]+):(\d+)$/i.exec(authority) ?? [];
  return isIPv6(address) ? `[${address}]:${port}` : authority;
}
