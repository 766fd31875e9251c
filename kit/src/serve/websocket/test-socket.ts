import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, type JsonObject, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { ClientFrameSchema } from '@weir/sdk/gen/weir/websocket/v1/frames_pb';
import { afterEach } from 'vitest';
import { WebSocket } from 'ws';
import type { ServeLimits } from '../limits.ts';
import type { ServeOptions } from '../options.ts';
import { authorization, echoRoutes, openTestServer, type TestServer } from '../test-server.ts';

/** Opens a server that takes WebSockets; it goes with the test that opened it. */
type OpenServer = (
  routes?: ServeOptions['routes'],
  limits?: Partial<ServeLimits>,
  more?: Partial<ServeOptions>,
) => Promise<TestServer>;

/** Lets each test of a file open servers. */
export function useServers(): OpenServer {
  let stack = new AsyncDisposableStack();
  afterEach(async () => {
    await stack.disposeAsync();
    stack = new AsyncDisposableStack();
  });
  return async (routes = echoRoutes, limits = {}, more = {}) => {
    const webSocket = { hosts: ['weir.example'] };
    return stack.use(await openTestServer({ routes, webSocket, limits, ...more }));
  };
}

/** What a server sent, in the JSON form. */
export interface Sent {
  readonly message?: { readonly call: number; readonly message: JsonObject };
  readonly end?: {
    readonly call: number;
    readonly code?: number;
    readonly text?: string;
    readonly details?: readonly (JsonObject & { readonly reason?: string })[];
    readonly metadata?: Readonly<Record<string, string>>;
  };
  readonly goAway?: { readonly text: string };
}

/** A client that says what it is told to, in the JSON form, and keeps what comes. */
export interface TestSocket extends Disposable {
  readonly ws: WebSocket;
  readonly sent: readonly Sent[];
  say(frame: object): void;
  /** Opens a call that is let in. */
  open(call: number, method: string, more?: object): void;
  /** The end of a call, when it has come. */
  ended(call: number): Promise<NonNullable<Sent['end']>>;
  /** The messages of a call that have come. */
  messages(call: number): JsonObject[];
  /** Resolves with the code and reason when it is closed. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

/** How a test client opens a WebSocket. */
export interface TestSocketOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocol?: string;
}

/** Opens a test client. Rejects with the response where there is no WebSocket. */
export async function openTestSocket(
  url: string,
  { headers = {}, protocol = 'weir.v1.json' }: TestSocketOptions = {},
): Promise<TestSocket> {
  const ws = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, protocol, { headers });
  const sent: Sent[] = [];
  const ends = new Map<number, PromiseWithResolvers<NonNullable<Sent['end']>>>();
  const endOf = (call: number) => {
    const known = ends.get(call) ?? Promise.withResolvers();
    ends.set(call, known);
    return known;
  };
  ws.on('message', (data) => {
    const frame = JSON.parse(String(data)) as Sent;
    sent.push(frame);
    if (frame.end) endOf(frame.end.call).resolve(frame.end);
  });
  const closed = once(ws, 'close').then(([code, reason]) => ({ code, reason: String(reason) }));
  await new Promise<void>((resolve, reject) => {
    ws.once('open', resolve);
    ws.once('error', reject);
    ws.once('unexpected-response', (_, response: IncomingMessage) => reject(response));
  });
  ws.on('error', () => {});
  const say = (frame: object) => ws.send(JSON.stringify(frame));
  return {
    ...{ ws, sent, say, closed },
    open: (call, method, more = {}) =>
      say({ open: { call, method, metadata: { authorization }, ...more } }),
    ended: (call) => endOf(call).promise,
    messages: (call) =>
      sent.flatMap(({ message }) => (message?.call === call ? [message.message] : [])),
    [Symbol.dispose]: () => ws.terminate(),
  };
}

/** A frame of a client, encoded. */
export function encodeFrame(frame: MessageInitShape<typeof ClientFrameSchema>): Uint8Array {
  return toBinary(ClientFrameSchema, create(ClientFrameSchema, frame));
}

/** Waits until something holds. */
export async function until(holds: () => boolean): Promise<void> {
  for (const end = performance.now() + 20_000; !holds(); await sleep(5)) {
    if (performance.now() > end) throw new Error('not within 20 s');
  }
}
