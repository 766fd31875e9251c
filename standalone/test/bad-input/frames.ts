import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FetchContextRequestSchema } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { ClientFrameSchema, ServerFrameSchema } from '@weir/sdk/gen/weir/websocket/v1/frames_pb';
import type { Target } from './surfaces.ts';

/** How frames are written over a WebSocket. */
export type FrameForm = 'weir.v1.proto' | 'weir.v1.json';

/** How a call ended. */
export interface CallEnd {
  readonly code: number;
  readonly text: string;
}

/** What came of a frame. */
export interface Told {
  /** How the call ended that follows it; undefined: the connection was closed. */
  readonly next: CallEnd | undefined;
  /** How other calls ended. */
  readonly others: readonly CallEnd[];
  /** The code that the connection was closed with; undefined: it was not. */
  readonly closed: number | undefined;
}

/** How long an answer may take: far more than it does. */
const ANSWER_MAX_MS = 20_000;
/** The call that follows; no frame that is changed in a few places has it. */
const NEXT = 4_000_000_000;
const method = '/weir.router.v1.RouterService/FetchContext';

/** Sends a frame on a connection of its own, and behind it a call that is to be answered. */
export async function sendFrame(
  target: Target,
  form: FrameForm,
  frame: string | Uint8Array<ArrayBuffer>,
): Promise<Told> {
  const socket = new WebSocket(`${target.url.replace(/^http/, 'ws')}/ws`, form);
  socket.binaryType = 'arraybuffer';
  const others: CallEnd[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<Told>();
  socket.onopen = () => {
    socket.send(frame);
    socket.send(openFrame(form, target, { call: NEXT }));
  };
  socket.onclose = ({ code }) => resolve({ next: undefined, others, closed: code });
  socket.onmessage = ({ data }) => {
    const end = endOf(data as string | ArrayBuffer);
    if (end?.call !== NEXT) others.push(...(end ? [end] : []));
    else resolve({ next: end, others, closed: undefined });
  };
  const late = setTimeout(() => reject(new Error('no answer')), ANSWER_MAX_MS);
  try {
    return await promise;
  } finally {
    clearTimeout(late);
    socket.close();
  }
}

/** A frame that opens a call; its message is as the form writes it, or a good one. */
export function openFrame(
  form: FrameForm,
  { key }: Target,
  { call = 1, message }: { readonly call?: number; readonly message?: Uint8Array } = {},
): string | Uint8Array<ArrayBuffer> {
  const refs = [{ type: 'X', key: 'y' }];
  const metadata = { authorization: `Bearer ${key}` };
  if (form === 'weir.v1.json') {
    const whole = JSON.stringify({ open: { call, method, metadata, message: { refs } } });
    if (!message) return whole;
    const [before = '', after = ''] = whole.split(JSON.stringify({ refs }));
    return `${before}${Buffer.from(message)}${after}`;
  }
  const good = toBinary(FetchContextRequestSchema, create(FetchContextRequestSchema, { refs }));
  const value = { call, method, metadata, message: message ?? good };
  const frame = create(ClientFrameSchema, { frame: { case: 'open', value } });
  return new Uint8Array(toBinary(ClientFrameSchema, frame));
}

function endOf(data: string | ArrayBuffer): (CallEnd & { readonly call: number }) | undefined {
  if (typeof data === 'string') {
    const { end } = JSON.parse(data) as { end?: { call: number; code?: number; text?: string } };
    return end && { call: end.call, code: end.code ?? 0, text: end.text ?? '' };
  }
  const { frame } = fromBinary(ServerFrameSchema, new Uint8Array(data));
  return frame.case === 'end' ? frame.value : undefined;
}
