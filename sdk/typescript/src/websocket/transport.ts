import {
  Code,
  ConnectError,
  createContextValues,
  type Interceptor,
  type Transport,
} from '@connectrpc/connect';
import {
  createClientMethodSerializers,
  createMethodUrl,
  runStreamingCall,
  runUnaryCall,
} from '@connectrpc/connect/protocol';
import type { End } from '../gen/weir/websocket/v1/frames_pb.ts';
import { readMaxBytes } from '../transport.ts';
import {
  type CallRequest,
  type Connection,
  type OpenedCall,
  openConnection,
} from './connection.ts';

/** Connections that are open at once; each takes 100 calls. */
const connectionsMax = 8;
/** Messages of a stream that may be on their way, or wait to be read. */
const credit = 16;
const idleDefaultMs = 10_000;

/** How to reach Weir over a WebSocket. */
export interface WebSocketTransportOptions {
  /** Where Weir listens, such as `http://127.0.0.1:7070` or `wss://weir.example.com`. */
  readonly url: string;
  /** The API key or access token, sent with every call. Default: calls bring their own. */
  readonly key?: string | undefined;
  /** Around every call, outermost first. Default: none. */
  readonly interceptors?: Interceptor[] | undefined;
  /** After how long without calls a connection is closed, in milliseconds. Default: 10,000. */
  readonly idleMs?: number | undefined;
}

/** A transport, with the connections that it holds. */
export interface WebSocketTransport extends Transport {
  /** Ends its connections; calls under way fail, and later ones connect anew. */
  close(): void;
}

/**
 * A transport of Connect over a WebSocket, for browsers and for Node 22 or later: many calls go over one
 * connection at once, which is opened by the first one. A connection that breaks fails its calls as
 * UNAVAILABLE, and the next call opens another. Calls with several messages of the client are
 * UNIMPLEMENTED. The framing is in docs/websocket.md.
 *
 * @throws {TypeError} when the URL cannot be right, or there are no WebSockets here.
 */
export function createWebSocketTransport(options: WebSocketTransportOptions): WebSocketTransport {
  if (typeof WebSocket === 'undefined') {
    throw new TypeError('there are no WebSockets here: use Node 22 or later, or another protocol');
  }
  const { idleMs = idleDefaultMs } = options;
  const interceptors = [...(options.interceptors ?? [])];
  const url = socketUrl(options.url);
  const connections = new Set<Connection>();
  const connection = (): Connection => {
    const free = [...connections].find(({ takesCalls }) => takesCalls);
    if (free) return free;
    if (connections.size >= connectionsMax) throw tooMany();
    const opened = openConnection({ url, idleMs, closed: () => connections.delete(opened) });
    connections.add(opened);
    return opened;
  };
  const headersOf = (given: HeadersInit | undefined): Headers => {
    const headers = new Headers(given);
    const { key } = options;
    if (key && !headers.has('authorization')) headers.set('authorization', `Bearer ${key}`);
    return headers;
  };
  return {
    unary(method, signal, timeoutMs, header, message, contextValues) {
      const { serialize, parse } = createClientMethodSerializers(method, true);
      const within = withoutZero(timeoutMs);
      return runUnaryCall({
        ...{ interceptors, ...(signal && { signal }), ...(within && { timeoutMs: within }) },
        req: {
          ...{ stream: false, service: method.parent, method, requestMethod: 'POST', message },
          url: createMethodUrl(options.url, method),
          header: headersOf(header),
          contextValues: contextValues ?? createContextValues(),
        },
        async next({ header: sent, message: asked, signal: ended }) {
          const request = requestOf(method, { sent, within, message: serialize(asked), credit: 0 });
          const answer = await Array.fromAsync(messagesOf(connection(), request, ended));
          const [only, end] = answer;
          if (!(only instanceof Uint8Array) || end instanceof Uint8Array || !end) {
            throw new ConnectError('the answer has not one message', Code.Unimplemented);
          }
          const trailer = new Headers(end.metadata);
          const answered = { stream: false, service: method.parent, method } as const;
          return { ...answered, header: new Headers(), message: parse(only), trailer };
        },
      });
    },
    stream(method, signal, timeoutMs, header, input, contextValues) {
      const { serialize, parse } = createClientMethodSerializers(method, true);
      const within = withoutZero(timeoutMs);
      return runStreamingCall({
        ...{ interceptors, ...(signal && { signal }), ...(within && { timeoutMs: within }) },
        req: {
          ...{ stream: true, service: method.parent, method, requestMethod: 'POST' },
          message: input,
          url: createMethodUrl(options.url, method),
          header: headersOf(header),
          contextValues: contextValues ?? createContextValues(),
        },
        async next({ header: sent, message: asked, signal: ended }) {
          if (method.methodKind !== 'server_streaming') throw severalMessages();
          const message = serialize(await first(asked));
          const request = requestOf(method, { sent, within, message, credit });
          const trailer = new Headers();
          const parsed = async function* () {
            for await (const part of messagesOf(connection(), request, ended)) {
              if (part instanceof Uint8Array) yield parse(part);
              else for (const said of Object.entries(part.metadata)) trailer.set(...said);
            }
          };
          const answered = { stream: true, service: method.parent, method } as const;
          return { ...answered, header: new Headers(), trailer, message: parsed() };
        },
      });
    },
    close() {
      for (const open of [...connections]) open.close();
    },
  };
}

/** The messages of a call, and its end. Throws what it failed with. */
async function* messagesOf(
  connection: Connection,
  request: CallRequest,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array | End, void> {
  signal.throwIfAborted();
  const come: (Uint8Array | End | ConnectError)[] = [];
  let wake = () => {};
  const add = (part: (typeof come)[number]) => {
    come.push(part);
    wake();
  };
  const call = connection.open(request, { message: add, end: add, broke: add });
  const stop = () => {
    call.cancel();
    wake();
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    for (let read = 0; ; ) {
      signal.throwIfAborted();
      const part = come.shift();
      if (part === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else if (part instanceof Uint8Array) {
        if (part.length > readMaxBytes) throw tooLarge();
        yield part;
        read += 1;
        if (request.credit > 0) read = grantAll(call, read);
      } else if (part instanceof ConnectError) throw part;
      else if (part.code !== 0) throw errorOf(part);
      else return yield part;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    call.cancel();
  }
}

/** Half of the credit at a time, so that it never runs out on the way. */
function grantAll(call: OpenedCall, read: number): number {
  if (read < credit / 2) return read;
  call.grant(read);
  return 0;
}

function requestOf(
  { parent, name }: { readonly parent: { readonly typeName: string }; readonly name: string },
  call: {
    readonly sent: Headers;
    readonly within: number | undefined;
    readonly message: Uint8Array;
    readonly credit: number;
  },
): CallRequest {
  return {
    method: `/${parent.typeName}/${name}`,
    metadata: Object.fromEntries(call.sent),
    timeoutMs: Math.ceil(call.within ?? 0),
    message: call.message,
    credit: call.credit,
  };
}

function errorOf({ code, text, details, metadata }: End): ConnectError {
  const error = new ConnectError(text, code, metadata);
  error.isWireError = true;
  error.details = details.map(({ typeUrl, value }) => ({
    type: typeUrl.slice(typeUrl.lastIndexOf('/') + 1),
    value,
  }));
  return error;
}

/** 0 or less is no deadline, as to other transports. */
function withoutZero(timeoutMs: number | undefined): number | undefined {
  return timeoutMs !== undefined && timeoutMs > 0 ? timeoutMs : undefined;
}

function socketUrl(text: string): string {
  const base = text.replace(/\/+$/, '').replace(/^http(?=s?:)/, 'ws');
  if (/^wss?:/.test(base) && URL.canParse(base)) return `${base}/ws`;
  throw new TypeError(`url "${text}" is no address of Weir: write it like http://127.0.0.1:7070`);
}

async function first<T>(messages: AsyncIterable<T>): Promise<T> {
  for await (const message of messages) return message;
  throw new ConnectError('the call has no message', Code.InvalidArgument);
}

function severalMessages(): ConnectError {
  const text = 'calls with several messages of the client do not go over a WebSocket: use gRPC';
  return new ConnectError(text, Code.Unimplemented);
}

function tooMany(): ConnectError {
  const text = `${connectionsMax} connections are full of calls: wait for some to end`;
  return new ConnectError(text, Code.ResourceExhausted);
}

function tooLarge(): ConnectError {
  return new ConnectError(`a message is larger than ${readMaxBytes} bytes`, Code.ResourceExhausted);
}
