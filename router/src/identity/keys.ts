import type { JsonObject } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Caller, type Clock, parseApiKey, refuse, secretMatches } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { ApiKey, Principal } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { ToolGroup } from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import { findKey, type Snapshot } from '../snapshot/snapshot.ts';
import { permitsOfGroup } from '../tools/groups.ts';
import { invalidKey } from './refusals.ts';

/** One object, so that what is made of attributes is made once. */
export const noAttributes: JsonObject = Object.freeze({});

/** The caller that an API key stands for. Throws CREDENTIAL_INVALID. */
export function callerOfKey(snapshot: Snapshot, text: string, clock: Clock): Caller {
  const parsed = parseApiKey(text);
  const known = parsed && findKey(snapshot, parsed.id);
  if (!parsed || !known?.key || !secretMatches(known.secretHash, parsed.secret)) throw invalidKey();
  if (known.key.requiresSignature) {
    throw refuse(
      Reason.SIGNATURE_INVALID,
      'calls with this key must be signed, and the key itself stays at home: see docs/identity.md',
    );
  }
  return callerWith(snapshot, known.key, clock);
}

/**
 * The caller of a key that was proven: the same object as long as neither key nor principal change, so
 * that what is made of callers is made once. Throws CREDENTIAL_INVALID when it may not be used now.
 */
export function callerWith(snapshot: Snapshot, key: ApiKey, clock: Clock): Caller {
  const principal = principalOfKey(snapshot, key, clock);
  if (!principal) throw invalidKey();
  const group = groupOfKey(snapshot, key);
  const known = callers.get(key);
  if (known?.principal === principal && known.group === group) return known.caller;
  const caller = callerFor(key, principal, group);
  callers.set(key, { principal, group, caller });
  return caller;
}

const callers = new WeakMap<
  ApiKey,
  {
    readonly principal: Principal;
    readonly group: ToolGroup | undefined;
    readonly caller: Caller;
  }
>();

/** The tool group of a key, when it is of one. Throws CREDENTIAL_INVALID when that lets nobody in. */
function groupOfKey(snapshot: Snapshot, key: ApiKey): ToolGroup | undefined {
  if (key.group === '') return undefined;
  const group = snapshot.tenants.get(key.tenant)?.toolGroups.get(key.group);
  if (group && !group.disabled) return group;
  throw invalidKey();
}

function callerFor(key: ApiKey, principal: Principal, group: ToolGroup | undefined): Caller {
  return {
    tenant: key.tenant,
    principal: key.principal,
    consumer: key.consumer,
    keyId: key.id,
    authentication: 'key',
    permits: group ? permitsOfGroup(group) : key.permits,
    ...(group && { group: group.name }),
    network: '',
    scopes: new Set(key.scopes),
    attributes: principal.attributes ?? noAttributes,
    ...(key.expireTime && { expireMs: timestampMs(key.expireTime) }),
  };
}

/** The principal of a key; undefined when the key may not be used any more. */
export function principalOfKey(
  snapshot: Snapshot,
  key: ApiKey,
  clock: Clock,
): Principal | undefined {
  if (key.expireTime && timestampMs(key.expireTime) <= clock.wallMs()) return undefined;
  const principal = snapshot.tenants.get(key.tenant)?.principals.get(key.principal);
  return principal?.disabled ? undefined : principal;
}
