import { type ContextKey, createContextKey } from '@connectrpc/connect';
import type { CallHead } from './lane/lean-method.ts';

/** Where a server leaves how a call came, where it is not by the protocol that the RPC library knows. */
export const protocolKey: ContextKey<string> = createContextKey<string>('', {
  description: 'how the call came',
});

/** How a call came, such as "grpc" or "websocket". */
export function protocolOf({ values, protocolName }: CallHead): string {
  return values.get(protocolKey) || protocolName;
}
