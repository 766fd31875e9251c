import type { DescMethodUnary, DescService } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type HandlerContext,
  type ServiceImpl,
  type Transport,
} from '@connectrpc/connect';
import { type Assertions, callerOf, refuse, registryReadMaxBytes, requestIdKey } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';

/** What forwarding needs. */
export interface ForwardDeps {
  readonly transport: Transport;
  readonly assertions: Assertions;
}

const RETRY_MS = 1_000;

/**
 * Forwards every method of a service, all of them unary, to the registry, with an assertion of who the caller is
 * in the place of the caller's credential. Scopes are the registry's to check.
 */
export function forward<S extends DescService>(service: S, deps: ForwardDeps): ServiceImpl<S> {
  const methods = service.methods.map((method) => [
    method.localName,
    forwardUnary(method as DescMethodUnary, deps),
  ]);
  return Object.fromEntries(methods) as ServiceImpl<S>;
}

function forwardUnary(method: DescMethodUnary, { transport, assertions }: ForwardDeps) {
  return async (request: never, context: HandlerContext) => {
    const assertion = await assertions.sign({ kind: 'caller', caller: callerOf(context) });
    const header = {
      authorization: `Bearer ${assertion}`,
      'x-request-id': context.values.get(requestIdKey),
    };
    try {
      const { signal } = context;
      const answer = await transport.unary(method, signal, context.timeoutMs(), header, request);
      return answer.message;
    } catch (error) {
      throw translate(ConnectError.from(error), context.signal);
    }
  };
}

/** The registry's own errors carry details and pass; the others tell of the way to it. */
function translate(error: ConnectError, signal: AbortSignal): Error {
  if (error.details.length > 0) {
    const passed = new ConnectError(error.rawMessage, error.code);
    passed.details = error.details;
    return passed;
  }
  // What the RPC library says of a fault on the way is not for callers.
  if (error.code === Code.Internal || error.code === Code.Unknown) {
    return new Error('the registry did not answer as it should', { cause: error });
  }
  if (error.code === Code.ResourceExhausted && !error.isWireError) {
    const text = `what goes to the registry may have at most ${registryReadMaxBytes} bytes`;
    return refuse(Reason.MESSAGE_TOO_LARGE, text);
  }
  const ended = signal.aborted || error.code === Code.DeadlineExceeded;
  if (ended || (error.isWireError && error.code !== Code.Unavailable)) return error;
  return refuse(
    Reason.REGISTRY_UNAVAILABLE,
    'the registry cannot be reached; reading goes on, changes must wait',
    { retryDelayMs: RETRY_MS, cause: error },
  );
}
