import { type OutboundGuard, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { ProviderManifest } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Fault } from './manifest/fault.ts';
import type { ReadManifest } from './manifest/read-manifest.ts';

/**
 * Throws ADDRESS_REFUSED for endpoints that show by themselves that they may not be called. Those
 * with a name are judged when they are called.
 */
export function requireCallable(guard: OutboundGuard, read: ReadManifest<ProviderManifest>): void {
  const faults = read.manifest.endpoints.flatMap(({ url }, i): Fault[] => {
    const text = guard.faultOf(new URL(url));
    return text === undefined ? [] : [{ path: ['endpoints', i, 'url'], text }];
  });
  if (faults.length > 0) throw read.refuse(faults, Reason.ADDRESS_REFUSED);
}

/** The same of one URL, such as an endpoint that a process registers of itself, or an issuer. */
export function requireCallableUrl(guard: OutboundGuard, field: string, url: URL): void {
  const description = guard.faultOf(url);
  if (description === undefined) return;
  throw refuse(Reason.ADDRESS_REFUSED, `${field}: ${description}`, {
    violations: [{ field, description }],
  });
}
