import type { DescMethod, DescService } from '@bufbuild/protobuf';
import type { ContextValues, HandlerContext } from '@connectrpc/connect';

/** What is known of a call from its headers, whichever lane it came by. */
export type CallHead = Pick<HandlerContext, 'requestMethod' | 'protocolName' | 'values'> & {
  readonly service: Pick<DescService, 'typeName'>;
  readonly method: Pick<DescMethod, 'name'>;
  readonly requestHeader: Pick<Headers, 'get'>;
};

/** Of a call what its handler needs, whatever protocol it came by. */
export type CallContext = CallHead & Pick<HandlerContext, 'signal' | 'timeoutMs'>;

/** A call in the fast lane. */
export interface LeanCall extends CallHead {
  readonly service: DescService;
  readonly method: DescMethod;
  readonly values: ContextValues;
  /** Aborted when the call has ended, whatever ended it; made when first asked for. */
  readonly signal: AbortSignal;
  /** What is left of its deadline, in milliseconds. */
  timeoutMs(): number;
  /** Runs what it is given when the answer has left the process, or cannot any more. */
  afterCall(done: () => void): void;
  /** Bytes to be left free at the beginning of an answer, for the prefix of the protocol. */
  readonly headroom: number;
}

/**
 * A unary method that is answered without the RPC library where its headers allow that: in gRPC, or in
 * binary Connect, over HTTP/2. Every other call of it goes through its handler, which must answer
 * and fail alike.
 */
export interface LeanMethod {
  readonly method: DescMethod;
  /**
   * Answers an encoded message with an encoded message, behind the headroom of the call. The bytes given are
   * the method's to keep; those returned are the server's. Throws, or rejects, as a handler does.
   */
  answer(call: LeanCall, message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** A call in the fast lane that is answered with many messages. */
export interface LeanStreamCall extends CallHead {
  /** Aborted when the call has ended, whatever ended it; made when first asked for. */
  readonly signal: AbortSignal;
  /**
   * Sends a message, with its prefix; the bytes may be those of other calls too. Undefined: there is room for
   * more. Otherwise to be waited for: resolves when there is, or when the call has ended.
   */
  send(framed: Uint8Array): Promise<void> | undefined;
}

/**
 * A method that is answered with a stream, without the RPC library where its headers allow that: in gRPC,
 * gRPC-Web, or binary Connect, over node:http2. Every other call of it goes through its handler.
 */
export interface LeanStreamMethod {
  readonly method: DescMethod;
  /** Answers an encoded message: what is sent ends when it resolves, or with the error that it rejects with. */
  stream(call: LeanStreamCall, message: Uint8Array): Promise<void>;
}
