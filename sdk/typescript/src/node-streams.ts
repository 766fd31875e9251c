import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { createAsyncIterable } from '@connectrpc/connect/protocol';
import {
  requestHeader,
  validateResponse,
  validateTrailer,
} from '@connectrpc/connect/protocol-grpc';
import { createNodeHttpClient } from '@connectrpc/connect-node';
import type { SessionManager } from './node-sessions.ts';

/** The prefix of a message: a flag of compression, and its length. */
const PREFIX_BYTES = 5;

interface LeanOptions {
  readonly baseUrl: string;
  readonly readMaxBytes: number;
  readonly sessionManager: SessionManager;
}

/**
 * A gRPC transport that reads streams without a deadline, as subscriptions are, in one step: the library
 * takes each message through half a dozen iterables, which is most of what a small one costs. All other calls
 * are the library's.
 */
export function withLeanStreams(inner: Transport, options: LeanOptions): Transport {
  const { baseUrl, readMaxBytes, sessionManager } = options;
  const send = createNodeHttpClient({ httpVersion: '2', sessionProvider: () => sessionManager });
  return {
    unary: inner.unary.bind(inner),
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      if (method.methodKind !== 'server_streaming' || timeoutMs === undefined || timeoutMs > 0) {
        return await inner.stream(method, signal, timeoutMs, header, input, contextValues);
      }
      const left = new AbortController();
      const either = signal ? AbortSignal.any([signal, left.signal]) : left.signal;
      try {
        const messages: MessageInitShape<typeof method.input>[] = [];
        for await (const one of input) messages.push(one);
        const body = messages.map((one) =>
          framed(toBinary(method.input, create(method.input, one))),
        );
        const response = await send({
          url: `${baseUrl.replace(/\/+$/, '')}/${method.parent.typeName}/${method.name}`,
          method: 'POST',
          header: requestHeader(true, undefined, header),
          signal: either,
          body: createAsyncIterable(body),
        });
        const { foundStatus, headerError } = validateResponse(response.status, response.header);
        if (headerError) throw headerError;
        const atEnd = () => {
          if (!foundStatus) validateTrailer(response.trailer, response.header);
        };
        const read = readMessages(method.output, response.body, { readMaxBytes, atEnd });
        return {
          ...{ stream: true, service: method.parent, method },
          ...{ header: response.header, trailer: response.trailer },
          message: untilLeft(read, left, either),
        };
      } catch (error) {
        throw failed(error, left, either);
      }
    },
  };
}

/** What a call failed with, which is over then; when it was ended by its signal, that is why. */
function failed(error: unknown, left: AbortController, signal: AbortSignal): ConnectError {
  const told = signal.aborted
    ? ConnectError.from(signal.reason, Code.Canceled)
    : ConnectError.from(error, Code.Internal);
  left.abort(told);
  return told;
}

/** Ends the call when it fails, or nobody wants more of it. */
async function* untilLeft<T>(
  messages: AsyncIterable<T>,
  left: AbortController,
  signal: AbortSignal,
): AsyncGenerator<T> {
  try {
    for await (const message of messages) yield message;
  } catch (error) {
    throw failed(error, left, signal);
  } finally {
    left.abort(new ConnectError('nobody wants more of it', Code.Canceled));
  }
}

interface Reading {
  readonly readMaxBytes: number;
  /** Told when all has come; throws when the call failed. */
  atEnd(): void;
}

/** Reads what comes as messages. Throws ConnectErrors as the library does. */
async function* readMessages<Desc extends DescMessage>(
  schema: Desc,
  body: AsyncIterable<Uint8Array>,
  { readMaxBytes, atEnd }: Reading,
): AsyncGenerator<MessageShape<Desc>> {
  const held = new Held();
  for await (const chunk of body) {
    held.add(chunk);
    for (;;) {
      const length = held.messageLength(readMaxBytes);
      if (length === undefined || held.bytes < PREFIX_BYTES + length) break;
      held.take(PREFIX_BYTES);
      yield parsed(schema, held.take(length));
    }
  }
  if (held.bytes > 0) {
    throw new ConnectError('protocol error: incomplete envelope', Code.InvalidArgument);
  }
  atEnd();
}

function parsed<Desc extends DescMessage>(schema: Desc, message: Uint8Array): MessageShape<Desc> {
  try {
    return fromBinary(schema, message);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new ConnectError(`parse binary: ${text}`, Code.Internal);
  }
}

/** What came and was not read; pieces are put together once, when all of a message is there. */
class Held {
  #pieces: Uint8Array[] = [];
  bytes = 0;

  add(piece: Uint8Array): void {
    if (this.bytes === 0) this.#pieces = [piece];
    else this.#pieces.push(piece);
    this.bytes += piece.length;
  }

  /** The length of the message that comes next; undefined: its prefix has not come whole. */
  messageLength(maxBytes: number): number | undefined {
    if (this.bytes < PREFIX_BYTES) return undefined;
    const [flags = 0, ...length] = this.#first(PREFIX_BYTES);
    if ((flags & 1) === 1) {
      const text = 'received compressed envelope, but do not know how to decompress';
      throw new ConnectError(text, Code.Internal);
    }
    const bytes = length.reduce((sum, byte) => sum * 256 + byte, 0);
    if (bytes <= maxBytes) return bytes;
    const text = `message size ${bytes} is larger than configured readMaxBytes ${maxBytes}`;
    throw new ConnectError(text, Code.ResourceExhausted);
  }

  /** Takes so many bytes, of those that are there. They are a copy: a message keeps nothing else in memory. */
  take(length: number): Uint8Array {
    const taken = new Uint8Array(this.#first(length));
    const [first = taken] = this.#pieces;
    this.#pieces[0] = first.subarray(length);
    this.bytes -= length;
    return taken;
  }

  #first(length: number): Uint8Array {
    const [first] = this.#pieces;
    if (first && first.length >= length) return first.subarray(0, length);
    const all = new Uint8Array(this.bytes);
    let at = 0;
    for (const piece of this.#pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [all];
    return all.subarray(0, length);
  }
}

function framed(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(PREFIX_BYTES + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, PREFIX_BYTES);
  return bytes;
}
