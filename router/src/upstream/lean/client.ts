import { requestHead, weirVersion } from '@weir/kit';
import { ProviderService } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { acceptedEncodings } from './inflate.ts';
import { Replies } from './replies.ts';
import type { Sessions } from './sessions.ts';

/** Makes messages of what a provider answers. */
export interface Decoder<T> {
  /** Throws what the call is to end with, when the bytes are no message, or too much. */
  decode(bytes: Buffer): T;
}

/** What providers are called for. */
export type ProviderMethod = 'fetch' | 'list' | 'call' | 'complete' | 'watch';

/** A call of a provider. */
export interface ProviderCall {
  readonly method: ProviderMethod;
  /** The request, encoded, with its prefix. */
  readonly body: Buffer;
  /** When it is over at the latest; of a watch the provider is not told, for that is no deadline of its. */
  readonly timeoutMs: number;
  /** Besides those of every call: names and values in turn. */
  readonly headers: readonly string[];
}

/** Calls the providers of one address. */
export interface ProviderClient {
  call<T>(call: ProviderCall, decoder: Decoder<T>): Replies<T>;
}

/** What providers see in their logs. */
const USER_AGENT = `weir/${weirVersion}`;

/** Makes a client over the sessions of an address. */
export function createProviderClient(address: string, sessions: Sessions): ProviderClient {
  const url = new URL(address);
  const heads: Readonly<Record<ProviderMethod, Buffer>> = {
    fetch: headOf(url, 'fetch'),
    list: headOf(url, 'list'),
    call: headOf(url, 'call'),
    complete: headOf(url, 'complete'),
    watch: headOf(url, 'watch'),
  };
  return {
    call({ method, body, timeoutMs, headers }, decoder) {
      const deadline = method === 'watch' ? [] : ['grpc-timeout', `${timeoutMs}m`];
      const more = [...deadline, ...headers];
      return new Replies(sessions, { head: heads[method], more, body, timeoutMs }, decoder);
    },
  };
}

/** The headers that all calls of a method have in common. */
function headOf(url: URL, method: ProviderMethod): Buffer {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const folder = url.pathname.replace(/\/$/, '');
  const { name } = ProviderService.method[method];
  return requestHead([
    ...[':method', 'POST'],
    ...[':scheme', url.protocol.slice(0, -1)],
    ...[':authority', `${url.hostname}:${port}`],
    ...[':path', `${folder}/${ProviderService.typeName}/${name}`],
    ...['content-type', 'application/grpc+proto'],
    ...['user-agent', USER_AGENT],
    ...['te', 'trailers'],
    ...['grpc-accept-encoding', acceptedEncodings],
  ]);
}
