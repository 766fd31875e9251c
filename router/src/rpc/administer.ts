import type { DescMethod } from '@bufbuild/protobuf';
import { type Caller, type Clock, refuse } from '@weir/kit';
import type { Verdict } from '@weir/policy';
import { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { RecordedItem, RecordedKind } from '../audit/recorded.ts';
import { createAuthority } from '../authorise.ts';
import type { SnapshotHolder } from '../snapshot/holder.ts';

/** What deciding on methods needs. */
export interface AdministerDeps {
  readonly holder: SnapshotHolder;
  readonly clock: Clock;
}

/** Who asks who they are is told, whatever the policy says. */
const undecided: ReadonlySet<string> = new Set(['WhoAmI']);
/** What administering is decided on: there is no item. */
const noItem = { sensitivity: Sensitivity.UNSPECIFIED, labels: {}, owner: '' };

/**
 * Decides by the tenant's policy whether a method may be called, and returns what is recorded of it.
 * Throws DENIED unless it is allowed. Who administers the platform cannot lock themselves out.
 */
export function requireAllowed(
  method: DescMethod,
  deps: AdministerDeps,
  caller: Caller,
): RecordedItem[] {
  const { effect, rules } = verdictOn(method, deps, caller);
  const type = method.parent.name;
  if (effect !== 'allow' && !isExempt(method, caller)) {
    const text = `the tenant's policy does not allow you to administer ${type}/${method.name}`;
    throw refuse(Reason.DENIED, text);
  }
  const kind: RecordedKind = {
    ...{ action: 'administer', type, redactions: [], rules },
    effect: effect === 'allow' ? effect : 'deny',
    ...{ code: 0, reason: 0, cache: 0, known: true },
  };
  return [{ kind, key: method.name, bytes: 0 }];
}

/** Whether the tenant's policy lets a method be called. */
export function isAllowed(method: DescMethod, deps: AdministerDeps, caller: Caller): boolean {
  return isExempt(method, caller) || verdictOn(method, deps, caller).effect === 'allow';
}

function isExempt(method: DescMethod, { scopes }: Caller): boolean {
  return scopes.has(Scope.PLATFORM) || undecided.has(method.name);
}

function verdictOn(
  { parent, name }: DescMethod,
  { holder, clock }: AdministerDeps,
  caller: Caller,
): Verdict {
  const circumstances = { purpose: '', nowMs: clock.wallMs() };
  const authority = createAuthority(holder.current, caller, circumstances);
  const provider = { tenant: caller.tenant, name: '' };
  return authority.access('administer', parent.name).decide(provider, name, noItem);
}
