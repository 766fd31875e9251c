import { Code, type ConnectError } from '@connectrpc/connect';
import type { Attributes, Tracer } from '@opentelemetry/api';
import { callerKey } from '../caller.ts';
import { reasonName, reasonOf } from '../errors.ts';
import type { CallHead } from '../serve/lane/lean-method.ts';
import { beginRoot, noSpan, type OpenSpan } from './spans.ts';

/** The codes that say that the server is at fault, and not the caller. */
const ours: ReadonlySet<Code> = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

/** Begins the span of a call that was received. Health checks and reflection are left out. */
export function beginServerSpan(tracer: Tracer | undefined, call: CallHead): OpenSpan {
  const service = call.service.typeName;
  if (tracer === undefined || service.startsWith('grpc.')) return noSpan;
  const attributes = {
    'rpc.system': isConnect(call) ? 'connect_rpc' : 'grpc',
    'rpc.service': service,
    'rpc.method': call.method.name,
  };
  const header = call.requestHeader;
  return beginRoot(tracer, `${service}/${call.method.name}`, { attributes, header });
}

/** Ends it: with its code, which has a name such as NOT_FOUND, and for whom it was. */
export function endServerSpan(
  span: OpenSpan,
  call: CallHead,
  { code, error }: { readonly code: string; readonly error: ConnectError | undefined },
): void {
  if (span === noSpan) return;
  const status = isConnect(call)
    ? { ...(error && { 'rpc.connect_rpc.error_code': code.toLowerCase() }) }
    : { 'rpc.grpc.status_code': error?.code ?? 0 };
  span.set({ ...status, ...tenantOf(call), ...reasonFor(error) });
  if (error !== undefined && ours.has(error.code)) span.fail(code);
  span.end();
}

function tenantOf(call: CallHead): Attributes {
  const tenant = call.values.get(callerKey)?.tenant;
  return tenant === undefined ? {} : { 'weir.tenant': tenant };
}

function reasonFor(error: ConnectError | undefined): Attributes {
  const reason = error && reasonOf(error);
  return reason === undefined ? {} : { 'weir.reason': reasonName(reason) };
}

function isConnect({ protocolName }: CallHead): boolean {
  return protocolName === 'connect';
}
