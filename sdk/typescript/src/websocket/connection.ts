import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { refusedCall } from '../errors.ts';
import { Reason } from '../gen/weir/errors/v1/reason_pb.ts';
import {
  type ClientFrame,
  ClientFrameSchema,
  type End,
  type Open,
  type ServerFrame,
  ServerFrameSchema,
} from '../gen/weir/websocket/v1/frames_pb.ts';

const subprotocol = 'weir.v1.proto';
/** Calls that Weir takes on one connection at once. */
const callsMax = 100;
/** What Weir reads of one frame at most; a larger one would cost the connection with all its calls. */
const frameMaxBytes = 4 * 1024 * 1024 + 64 * 1024;
/** On a connection of which nothing was heard for so long, though something was asked, no call is begun. */
const silentMs = 5_000;
const normal = 1000;

/** What a call asks for. */
export type CallRequest = Pick<Open, 'method' | 'metadata' | 'timeoutMs' | 'message' | 'credit'>;

/** Told of what comes for a call: messages, then its end or why there will be none. */
export interface CallEvents {
  message(message: Uint8Array): void;
  end(end: End): void;
  broke(error: ConnectError): void;
}

/** A call that was opened. */
export interface OpenedCall {
  /** Lets so many more messages come. */
  grant(messages: number): void;
  /** Ends it; nothing more is told of it. */
  cancel(): void;
}

/** One WebSocket, over which many calls go at once. */
export interface Connection {
  /** Whether one more call can be opened. */
  readonly takesCalls: boolean;
  open(request: CallRequest, events: CallEvents): OpenedCall;
  /** Closes it; calls under way break. */
  close(): void;
}

/** Where a connection leads, and how it is looked after. */
export interface ConnectionOptions {
  /** The address, ws or wss. */
  readonly url: string;
  /** After how long without calls it is closed, in milliseconds. */
  readonly idleMs: number;
  /** Told once when it is over. */
  closed(): void;
}

/** How a connection stands; one that is leaving closes with its last call. */
type State = 'opening' | 'open' | 'leaving' | 'closed';

/** Opens a connection. Calls may be opened at once; they fail as UNAVAILABLE when it cannot be had. */
export function openConnection({ url, idleMs, closed }: ConnectionOptions): Connection {
  const socket = new WebSocket(url, subprotocol);
  socket.binaryType = 'arraybuffer';
  const calls = new Map<number, CallEvents>();
  let state: State = 'opening';
  let queued: Uint8Array<ArrayBuffer>[] = [];
  let lastCall = 0;
  let heardMs = performance.now();
  let idle: ReturnType<typeof setTimeout> | undefined;

  const send = (frame: ClientFrame['frame']) => {
    const bytes = encode(frame);
    if (socket.readyState === WebSocket.CONNECTING) queued.push(bytes);
    else if (socket.readyState === WebSocket.OPEN) socket.send(bytes);
  };
  const leave = () => {
    if (state !== 'closed') state = 'leaving';
    if (calls.size === 0) socket.close(normal);
  };
  const over = (number: number) => {
    calls.delete(number);
    if (calls.size > 0) return;
    if (state === 'leaving') leave();
    else idle = setTimeout(leave, idleMs);
  };
  const fail = (error: ConnectError) => {
    if (state === 'closed') return;
    state = 'closed';
    clearTimeout(idle);
    queued = [];
    for (const call of calls.values()) call.broke(error);
    calls.clear();
    closed();
  };
  const take = ({ frame }: ServerFrame) => {
    if (frame.case === 'goAway') return leave();
    if (frame.case === undefined) return;
    const call = calls.get(frame.value.call);
    if (frame.case === 'message') return call?.message(frame.value.message);
    over(frame.value.call);
    call?.end(frame.value);
  };
  socket.onopen = () => {
    if (state === 'opening') state = 'open';
    for (const bytes of queued.splice(0)) socket.send(bytes);
  };
  socket.onmessage = ({ data }) => {
    heardMs = performance.now();
    try {
      take(fromBinary(ServerFrameSchema, new Uint8Array(data as ArrayBuffer)));
    } catch (error) {
      fail(new ConnectError('a frame cannot be read', Code.Internal, undefined, undefined, error));
      socket.close();
    }
  };
  socket.onclose = ({ code, reason }) => fail(whyClosed({ state, code, reason }));
  return {
    get takesCalls() {
      return (state === 'opening' || state === 'open') && calls.size < callsMax;
    },
    open(request, events) {
      clearTimeout(idle);
      lastCall += 1;
      const call = lastCall;
      const openedMs = performance.now();
      calls.set(call, events);
      send({ case: 'open', value: { $typeName: 'weir.websocket.v1.Open', call, ...request } });
      return {
        grant(messages) {
          const value = { $typeName: 'weir.websocket.v1.Credit' as const, call, messages };
          if (calls.has(call)) send({ case: 'credit', value });
        },
        cancel() {
          if (!calls.has(call)) return;
          send({ case: 'cancel', value: { $typeName: 'weir.websocket.v1.Cancel', call } });
          const silentSinceMs = Math.max(heardMs, openedMs);
          // Browsers do not tell that the other end is gone.
          if (performance.now() - silentSinceMs > silentMs) state = 'leaving';
          over(call);
        },
      };
    },
    close() {
      socket.close(normal);
      fail(new ConnectError('the client was closed', Code.Unavailable));
    },
  };
}

function encode(frame: ClientFrame['frame']): Uint8Array<ArrayBuffer> {
  const bytes = toBinary(ClientFrameSchema, create(ClientFrameSchema, { frame }));
  if (bytes.length <= frameMaxBytes) return bytes;
  const text = 'the message is larger than 4 MiB';
  throw refusedCall(Code.ResourceExhausted, Reason.MESSAGE_TOO_LARGE, text);
}

/** What calls fail with whose connection is closed, by the code of RFC 6455, 7.4.1. */
function whyClosed({ state, code, reason }: { state: State; code: number; reason: string }) {
  if (state === 'opening') {
    const text = 'Weir cannot be reached, or takes no WebSocket of this origin';
    return new ConnectError(text, Code.Unavailable);
  }
  const ours = [1002, 1003, 1007, 1008].includes(code);
  const text = `the connection to Weir broke: ${reason || `code ${code}`}`;
  return new ConnectError(text, ours ? Code.Internal : Code.Unavailable);
}
