import {
  create,
  createRegistry,
  fromBinary,
  fromJson,
  isMessage,
  type JsonObject,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from '@weir/sdk/gen/google/rpc/error_details_pb';
import {
  type ClientFrame,
  ClientFrameSchema,
  type ServerFrame,
  ServerFrameSchema,
} from '@weir/sdk/gen/weir/websocket/v1/frames_pb';

/** How a call ended. */
export interface CallEnd {
  readonly call: number;
  /** Undefined: all went well. */
  readonly error?: ConnectError | undefined;
  /** What would be headers and trailers. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** How frames are written, as the subprotocol says. */
export interface FrameCodec {
  /** The name of the subprotocol. */
  readonly name: string;
  /** Whether frames are binary messages; else they are texts. */
  readonly binary: boolean;
  /** What the messages of calls are to the RPC library. */
  readonly contentType: string;
  /** Reads what a client sent. Throws when it cannot be read. */
  read(data: Buffer): ClientFrame;
  /** Writes a message of a call, which is encoded already. */
  message(call: number, message: Uint8Array): Uint8Array | string;
  end(end: CallEnd): Uint8Array | string;
  goAway(text: string): Uint8Array | string;
}

const typePrefix = 'type.googleapis.com/';
/** What the JSON form can write of an error's details. */
const registry = createRegistry(ErrorInfoSchema, RetryInfoSchema, BadRequestSchema);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Frames as protobuf, in binary messages. */
const proto: FrameCodec = {
  name: 'weir.v1.proto',
  binary: true,
  contentType: 'application/grpc+proto',
  read: (data) => fromBinary(ClientFrameSchema, data),
  message: (call, message) =>
    writeProto({
      case: 'message',
      value: { $typeName: 'weir.websocket.v1.Message', call, message },
    }),
  end: (end) => writeProto(endFrame(end)),
  goAway: (text) => writeProto({ case: 'goAway', value: goAwayOf(text) }),
};

/** Frames as JSON, in texts, with the messages of calls as JSON within. */
const json: FrameCodec = {
  name: 'weir.v1.json',
  binary: false,
  contentType: 'application/grpc+json',
  read: readJson,
  // The message is JSON already.
  message: (call, message) => `{"message":{"call":${call},"message":${decoder.decode(message)}}}`,
  end: (end) => writeJson(endFrame(end)),
  goAway: (text) => writeJson({ case: 'goAway', value: goAwayOf(text) }),
};

/** The forms of frames; where a client offers both, it is the first. */
export const codecs: ReadonlyMap<string, FrameCodec> = new Map(
  [proto, json].map((codec) => [codec.name, codec]),
);

function readJson(data: Buffer): ClientFrame {
  const value = JSON.parse(data.toString()) as JsonValue;
  const { open } = isObject(value) ? value : {};
  if (open === undefined || !isObject(open)) return fromJson(ClientFrameSchema, value);
  const { message = {}, ...rest } = open;
  const frame = fromJson(ClientFrameSchema, { ...(value as JsonObject), open: rest });
  if (frame.frame.case === 'open') {
    frame.frame.value.message = encoder.encode(JSON.stringify(message));
  }
  return frame;
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function writeProto(frame: ServerFrame['frame']): Uint8Array {
  return toBinary(ServerFrameSchema, create(ServerFrameSchema, { frame }));
}

function writeJson(frame: ServerFrame['frame']): string {
  return JSON.stringify(
    toJson(ServerFrameSchema, create(ServerFrameSchema, { frame }), { registry }),
  );
}

function goAwayOf(text: string) {
  return { $typeName: 'weir.websocket.v1.GoAway' as const, text };
}

function endFrame({ call, error, metadata }: CallEnd): ServerFrame['frame'] {
  return {
    case: 'end',
    value: {
      $typeName: 'weir.websocket.v1.End',
      call,
      code: error?.code ?? 0,
      text: error?.rawMessage ?? '',
      details: (error?.details ?? []).flatMap(anyOf),
      metadata: { ...metadata },
    },
  };
}

/** A detail, be it as we made it or as the RPC library wrote it; of what nobody can name, nothing. */
function anyOf(detail: ConnectError['details'][number]) {
  const { type, value } =
    'desc' in detail
      ? { type: detail.desc.typeName, value: encodeDetail(detail) }
      : { type: detail.type, value: detail.value };
  if (!registry.getMessage(type)) return [];
  return [{ $typeName: 'google.protobuf.Any' as const, typeUrl: `${typePrefix}${type}`, value }];
}

type OwnDetail = Extract<ConnectError['details'][number], { desc: unknown }>;

function encodeDetail({ desc, value }: OwnDetail): Uint8Array {
  return toBinary(desc, isMessage(value, desc) ? value : create(desc, value));
}
