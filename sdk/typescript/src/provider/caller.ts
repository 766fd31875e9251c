import type { Caller as WireCaller } from '../gen/weir/provider/v1/provider_pb.ts';
import type { Caller } from './context.ts';

/** Reads off the wire for whom a provider is asked. */
export function callerOf(wire: WireCaller | undefined): Caller {
  return Object.freeze({
    tenant: wire?.tenant ?? '',
    principal: wire?.principal ?? '',
    attributes: wire?.attributes ?? {},
  });
}
