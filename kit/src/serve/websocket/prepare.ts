import { createContextValues } from '@connectrpc/connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import type { Open } from '@weir/sdk/gen/weir/websocket/v1/frames_pb';
import { requestIdKey } from '../../caller.ts';
import type { Door } from '../admit.ts';
import { afterCallKey, cutKey } from '../after-call.ts';
import type { Deadlines } from '../deadline.ts';
import { grpcTimeout } from '../deadline.ts';
import { drainingKey } from '../draining.ts';
import type { ServeLimits } from '../limits.ts';
import { type Peer, peerKey } from '../peer.ts';
import { protocolKey } from '../protocol.ts';
import { chooseRequestId } from '../request-id.ts';
import { expectBodyKey } from '../signed-body.ts';
import type { SlowReaders } from '../slow-reader.ts';
import { type CallParts, checkHandler } from './call.ts';
import type { FrameCodec } from './frames.ts';
import { readMetadata } from './metadata.ts';

/** What a call is made of. */
export interface PrepareDeps {
  /** The methods, by their paths. */
  readonly handlers: ReadonlyMap<string, UniversalHandler>;
  readonly limits: ServeLimits;
  readonly door: Pick<Door, 'enter'>;
  readonly readers: Pick<SlowReaders, 'enter' | 'leave'>;
  readonly boundDeadline: Deadlines;
  readonly draining: AbortSignal;
  readonly codec: FrameCodec;
  readonly peer: Peer;
  /** What the request brought that became the WebSocket. */
  readonly upgrade: { readonly authorization: string | undefined };
}

/**
 * Makes what turns frames into calls: each as a call of gRPC would be whose headers were the metadata, so
 * that gate, deadlines, limits and handlers treat it as any other.
 */
export function createPrepare(deps: PrepareDeps): (open: Open) => CallParts {
  const { handlers, limits, door, readers, codec, peer, upgrade } = deps;
  return ({ method, metadata, timeoutMs }) => {
    const handler = checkHandler(handlers.get(method), method);
    const maxBytes = limits.headersMaxBytes;
    const header = readMetadata(metadata, { ...upgrade, maxBytes });
    const requestId = chooseRequestId(header.get('x-request-id'));
    const protocol: Record<string, string> = {
      'content-type': codec.contentType,
      ...(timeoutMs > 0 && { 'grpc-timeout': grpcTimeout(timeoutMs) }),
    };
    deps.boundDeadline({ url: method, headers: protocol });
    for (const [name, value] of Object.entries(protocol)) header.set(name, value);
    return {
      ...{ handler, header, requestId, door, readers },
      values: (own) =>
        createContextValues()
          .set(requestIdKey, requestId)
          .set(protocolKey, 'websocket')
          .set(peerKey, peer)
          .set(expectBodyKey, own.expectBody)
          .set(afterCallKey, own.afterCall)
          .set(cutKey, own.cut)
          .set(drainingKey, deps.draining),
    };
  };
}
