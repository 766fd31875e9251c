import { createHash, type X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP, type Socket, SocketAddress } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type ContextKey, createContextKey } from '@connectrpc/connect';
import { SettingsError } from '../settings.ts';
import type { HttpRequest } from './http.ts';
import type { LaneStream } from './lane/lane-stream.ts';

/** Who is at the other end of a connection, as far as the connection itself shows it. */
export interface Peer {
  /** The address that the call came from, without a port; an IPv4 address is written as one. */
  readonly address: string;
  /** The client certificate, verified; undefined: there is none, or a proxy stands between. */
  readonly certificate: PeerCertificate | undefined;
}

/** A verified client certificate. */
export interface PeerCertificate {
  /** The URIs of its subject alternative names, such as SPIFFE IDs. */
  readonly uris: readonly string[];
  /** The subject as one line (RFC 4514), such as "CN=agent-a,O=Example". Empty: there is none. */
  readonly subject: string;
  /** When it expires, in milliseconds of wall time. */
  readonly notAfterMs: number;
  /** SHA-256 of its DER form in base64url: "x5t#S256" (RFC 8705). */
  readonly thumbprint: string;
}

const nobody: Peer = { address: '', certificate: undefined };

/** Where the gate finds who is at the other end. */
export const peerKey: ContextKey<Peer> = createContextKey(nobody, {
  description: 'who is at the other end of the connection',
});

/** More proxies than these stand behind one another nowhere. */
const hopsMax = 16;

/** Decides which proxies are believed when they say whom they forward. */
export type TrustedProxies = (address: string) => boolean;

/**
 * Reads which proxies are believed: addresses and networks, separated by commas, such as
 * "10.0.0.0/8,::1". Throws SettingsError naming the variable.
 */
export function readTrustedProxies(variable: string, text: string | undefined): TrustedProxies {
  const list = new BlockList();
  for (const entry of (text ?? '').split(',')) {
    if (entry.trim() !== '') addNetwork(list, variable, entry.trim());
  }
  return (address) => {
    const version = isIP(address);
    return version !== 0 && list.check(address, version === 6 ? 'ipv6' : 'ipv4');
  };
}

function addNetwork(list: BlockList, variable: string, entry: string): void {
  const [address = '', bits, more] = entry.split('/');
  const version = isIP(address);
  const most = version === 6 ? 128 : 32;
  const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : most + 1;
  if (version === 0 || more !== undefined || prefix > most) {
    throw new SettingsError(
      variable,
      `holds ${JSON.stringify(entry)}, which is no address and no network`,
      'write them as 10.0.0.0/8, 192.0.2.7 or fd00::/8, separated by commas',
    );
  }
  list.addSubnet(address, prefix, version === 6 ? 'ipv6' : 'ipv4');
}

/** Finds out who is at the other end. */
export interface Peers {
  ofRequest(request: HttpRequest): Peer;
  /** Of a stream of HTTP/2. */
  ofStream(stream: Pick<LaneStream, 'session'>, headers: IncomingHttpHeaders): Peer;
}

/**
 * Makes what finds out who is at the other end. What a proxy says in X-Forwarded-For counts only
 * when it is believed; its own certificate is never that of a caller.
 */
export function createPeers(isTrusted: TrustedProxies): Peers {
  const known = new WeakMap<object, Peer>();
  const find = (
    connection: object | undefined,
    socket: Socket | TLSSocket | undefined,
    headers: IncomingHttpHeaders,
  ): Peer => {
    if (!connection) return nobody;
    let peer = known.get(connection);
    if (!peer) {
      peer = peerOf(socket);
      known.set(connection, peer);
    }
    return isTrusted(peer.address) ? forwarded(peer.address, headers, isTrusted) : peer;
  };
  const ofStream = ({ session }: Pick<LaneStream, 'session'>, headers: IncomingHttpHeaders) =>
    find(session, session?.socket, headers);
  return {
    ofStream,
    ofRequest(request) {
      if ('stream' in request) return ofStream(request.stream, request.headers);
      return find(request.socket, request.socket, request.headers);
    },
  };
}

function peerOf(socket: Socket | TLSSocket | undefined): Peer {
  const address = normalise(socket?.remoteAddress ?? '') ?? '';
  const { authorized, getPeerX509Certificate } = (socket ?? {}) as Partial<TLSSocket>;
  const certificate = authorized ? getPeerX509Certificate?.call(socket) : undefined;
  return { address, certificate: certificate && describe(certificate) };
}

/** The last hop that is no proxy of ours: what stands before it, anybody can have written. */
function forwarded(proxy: string, headers: IncomingHttpHeaders, isTrusted: TrustedProxies): Peer {
  const hops = String(headers['x-forwarded-for'] ?? '').split(',');
  let address = proxy;
  for (const hop of hops.slice(-hopsMax).reverse()) {
    const before = normalise(withoutPort(hop.trim()));
    if (before === undefined) break;
    address = before;
    if (!isTrusted(before)) break;
  }
  return { address, certificate: undefined };
}

function withoutPort(text: string): string {
  const [, bracketed, dotted] = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/.exec(text) ?? [];
  return bracketed ?? dotted ?? text;
}

/** An address in its one form; undefined: it is none. */
function normalise(text: string): string | undefined {
  const [plain = ''] = text.split('%', 1);
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain) ?? [];
  switch (isIP(mapped ?? plain)) {
    case 4:
      return mapped ?? plain;
    case 6: {
      const { address } = new SocketAddress({ address: plain, family: 'ipv6' });
      return address === plain ? plain : normalise(address);
    }
    default:
      return undefined;
  }
}

function describe(certificate: X509Certificate): PeerCertificate {
  return {
    uris: urisOf(certificate.subjectAltName ?? ''),
    // Node has none where the certificate has none, whatever its types say.
    subject: oneLine((certificate.subject as string | undefined) ?? ''),
    notAfterMs: certificate.validToDate.getTime(),
    thumbprint: createHash('sha256').update(certificate.raw).digest('base64url'),
  };
}

/**
 * The URIs among subject alternative names. Node separates names by commas, and writes one that
 * holds a comma or quotes as a JSON string, so that no name can forge another.
 */
export function urisOf(names: string): string[] {
  const uris: string[] = [];
  for (const [, kind, quoted, plain] of names.matchAll(
    /(?:^|, )([^:,"]+):(?:("(?:[^"\\]|\\.)*")|([^,]*))/g,
  )) {
    if (kind !== 'URI') continue;
    uris.push(quoted === undefined ? (plain ?? '') : String(JSON.parse(quoted)));
  }
  return uris;
}

/**
 * A subject as RFC 4514 has it: the most specific part first. Node escapes the values as that
 * standard asks, and writes a part on each line, the most general first.
 */
function oneLine(subject: string): string {
  const parts = subject.split('\n').filter((part) => part !== '');
  return parts
    .reverse()
    .map((part) => part.replaceAll(/(?<!\\) \+ /g, '+'))
    .join(',');
}
