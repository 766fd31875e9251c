import type { Interceptor, Transport } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { type Assertions, passTrace, registryReadMaxBytes } from '@weir/kit';
import { sturdy } from '@weir/sdk/node-sessions';
import type { RegistryTls } from './identity/registry-tls.ts';

/** Ways to the registry: as this router itself, and for callers whose assertion is given. */
export interface RegistryTransports {
  readonly service: Transport;
  readonly forwarding: Transport;
  /** Of its own connection, for its streams last: others would wait behind them. */
  readonly events: Transport;
}

/** Opens the ways to the registry. */
export function createRegistryTransports(
  baseUrl: string,
  assertions: Assertions,
  { nodeOptions }: Pick<RegistryTls, 'nodeOptions'>,
): RegistryTransports {
  const asService: Interceptor = (next) => async (request) => {
    const assertion = await assertions.sign({ kind: 'service', name: 'router' });
    request.header.set('authorization', `Bearer ${assertion}`);
    return next(request);
  };
  const way = () => {
    const sessionManager = sturdy(new Http2SessionManager(baseUrl, {}, nodeOptions));
    return { baseUrl, sessionManager };
  };
  const own = () =>
    createGrpcTransport({
      ...way(),
      interceptors: [asService],
      writeMaxBytes: registryReadMaxBytes,
    });
  return {
    service: own(),
    events: own(),
    forwarding: createGrpcTransport({
      ...way(),
      interceptors: [passTrace],
      writeMaxBytes: registryReadMaxBytes,
    }),
  };
}
