import type { DescMethod, DescService } from '@bufbuild/protobuf';
import type { ContextValues, HandlerContext } from '@connectrpc/connect';

/** What is known of a call from its headers, whichever lane it came by. */
export type CallHead = Pick<
  HandlerContext,
  'service' | 'method' | 'requestMethod' | 'protocolName' | 'values'
> & { readonly requestHeader: Pick<Headers, 'get'> };

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
