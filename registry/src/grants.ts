import { parsePermit, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Scope, ScopeSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { malformed } from './refusals.ts';

const PERMITS_MAX = 100;

/** The scopes of a credential, each once and in order; none stands for SCOPE_READ. */
export function parseScopes(field: string, scopes: readonly Scope[]): Scope[] {
  if (scopes.length === 0) return [Scope.READ];
  scopes.forEach((scope, index) => {
    if (scope === Scope.UNSPECIFIED || !ScopeSchema.value[scope]) {
      throw malformed(`${field}[${index}]`, `${scope} is not a scope`);
    }
  });
  return [...new Set(scopes)].sort((a, b) => a - b);
}

/** What a credential may be used for within SCOPE_READ and SCOPE_CALL, each once; without them they mean nothing. */
export function parsePermits(
  field: string,
  permits: readonly string[],
  scopes: readonly Scope[],
): string[] {
  if (permits.length > PERMITS_MAX) {
    throw malformed(field, `more than ${PERMITS_MAX} permits; use fewer, or "*"`);
  }
  if (permits.length > 0 && !scopes.includes(Scope.READ) && !scopes.includes(Scope.CALL)) {
    const text = 'permits are given without SCOPE_READ or SCOPE_CALL; give one too, or no permits';
    throw malformed(field, text);
  }
  return [...new Set(permits.map((permit, index) => parsePermit(`${field}[${index}]`, permit)))];
}

/** Something belongs to one credential, and another has it. */
export function taken(what: string): Error {
  return refuse(Reason.ALREADY_EXISTS, `${what} belongs to another one already; choose another`);
}
