import { CacheScope } from '../gen/weir/registry/v1/resources_pb.ts';

const scopes = {
  tenant: CacheScope.TENANT,
  principal: CacheScope.PRINCIPAL,
  none: CacheScope.NONE,
} as const;

/** A scope as the manifest has it. */
export function scopeToWire(scope: keyof typeof scopes | undefined): CacheScope {
  return scope === undefined ? CacheScope.UNSPECIFIED : scopes[scope];
}
