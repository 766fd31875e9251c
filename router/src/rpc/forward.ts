import type {
  DescMessage,
  DescMethod,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  Message,
} from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type HandlerContext,
  type ServiceImpl,
  type Transport,
} from '@connectrpc/connect';
import {
  type Assertions,
  type Clock,
  callerOf,
  cutKey,
  refuse,
  registryReadMaxBytes,
  requestIdKey,
  WeirError,
} from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { requireStillValid } from '../authenticate.ts';
import type { SnapshotHolder } from '../snapshot/holder.ts';
import { requireAllowed } from './administer.ts';
import { createHeartbeats } from './heartbeats.ts';
import { beginRecord, type RecordDeps, recorded } from './record.ts';
import { untilRevoked } from './until-revoked.ts';

/** What forwarding needs. */
export interface ForwardDeps extends RecordDeps {
  readonly transport: Transport;
  readonly assertions: Assertions;
  readonly holder: SnapshotHolder;
  readonly clock: Clock;
}

const RETRY_MS = 1_000;
const TARGET_MAX_CHARS = 200;
/** Fields that say what a call is about, the most telling first. */
const targetFields = [
  ...['name', 'id', 'provider', 'consumer', 'type', 'principal', 'tenant', 'issuer'],
  ...['certificate', 'policy', 'manifest', 'key'],
];

/**
 * Forwards every method of a service, unary or streaming its answer, to the registry, with an
 * assertion of who the caller is in the place of the caller's credential. Scopes are the registry's to
 * check; here the tenant's policy decides whether this may be administered.
 */
export function forward<S extends DescService>(
  service: S,
  deps: ForwardDeps,
): Partial<ServiceImpl<S>> {
  const methods = service.methods.map((method) => [method.localName, forwardOf(method, deps)]);
  return Object.fromEntries(methods) as Partial<ServiceImpl<S>>;
}

function forwardOf(method: DescMethod, deps: ForwardDeps) {
  switch (method.methodKind) {
    case 'unary':
      return forwardUnary(method as DescMethodUnary, deps);
    case 'server_streaming':
      return forwardStream(method as DescMethodServerStreaming, deps);
    default:
      throw new Error(`${method.name} takes a stream, which nothing forwards`);
  }
}

function forwardUnary(method: DescMethodUnary, deps: ForwardDeps) {
  const isRecorded =
    method === RegistryService.method.heartbeat ? createHeartbeats(deps.clock) : () => true;
  return (request: Message, context: HandlerContext) =>
    recorded(deps, context, async () => {
      const items = requireAllowed(method, deps, callerOf(context));
      const answer = await callRegistry(method, deps, request, context);
      if (!isRecorded(callerOf(context))) return { answer, record: undefined };
      return { answer, record: { target: targetOf(request) || targetOf(answer), items } };
    });
}

/** Calls the registry in a caller's name. */
export async function callRegistry<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  deps: Pick<ForwardDeps, 'transport' | 'assertions'>,
  request: Message,
  context: HandlerContext,
) {
  const header = await headerOf(deps, context);
  const { signal } = context;
  try {
    const timeoutMs = context.timeoutMs();
    const answer = await deps.transport.unary(method, signal, timeoutMs, header, request as never);
    return answer.message;
  } catch (error) {
    throw translate(ConnectError.from(error), signal);
  }
}

function forwardStream(method: DescMethodServerStreaming, deps: ForwardDeps) {
  return async function* (request: Message, context: HandlerContext): AsyncGenerator<Message> {
    const record = beginRecord(deps, context);
    const revoked = new AbortController();
    const caller = callerOf(context);
    using _valid = untilRevoked(deps, caller, {
      end: (error) => revoked.abort(error),
      cut: context.values.get(cutKey),
    });
    const signal = AbortSignal.any([context.signal, revoked.signal]);
    try {
      const items = requireAllowed(method, deps, caller);
      const header = await headerOf(deps, context);
      // What streams out is recorded when it begins: from then on, parts of it have left.
      await record.answered({ target: targetOf(request), items });
      const timeoutMs = context.timeoutMs();
      const input = (async function* () {
        yield request as never;
      })();
      const answer = await deps.transport.stream(method, signal, timeoutMs, header, input);
      for await (const part of answer.message) {
        // Of a slow reader much may have become otherwise since the part before.
        requireAllowed(method, deps, requireStillValid(deps, caller));
        yield part;
      }
    } catch (error) {
      const told = faultOf(error, revoked.signal, signal);
      await record.refused(told);
      throw told;
    } finally {
      // The registry is not to go on for nobody.
      revoked.abort();
    }
  };
}

/** Why a stream ends: before all else, that its caller may not call any more. */
function faultOf(error: unknown, revoked: AbortSignal, signal: AbortSignal): unknown {
  if (revoked.aborted) return revoked.reason;
  return error instanceof WeirError ? error : translate(ConnectError.from(error), signal);
}

async function headerOf({ assertions }: Pick<ForwardDeps, 'assertions'>, context: HandlerContext) {
  const assertion = await assertions.sign({ kind: 'caller', caller: callerOf(context) });
  return {
    authorization: `Bearer ${assertion}`,
    'x-request-id': context.values.get(requestIdKey),
  };
}

/** What a request is about, as far as one of its fields says: its name, or that of what it holds. */
function targetOf(request: object): string {
  const fields = request as Readonly<Record<string, unknown>>;
  for (const name of targetFields) {
    const value = fields[name];
    const found =
      typeof value === 'object' && value !== null && !(value instanceof Uint8Array)
        ? targetOf(value)
        : value;
    if (typeof found === 'string' && found !== '') return found.slice(0, TARGET_MAX_CHARS);
  }
  return '';
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
