import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Core } from '../core.ts';
import { mintKey } from '../keys.ts';
import type { Reader, StoredKey, Transaction } from '../store/store.ts';

/** Keys of a group that work at a time; before another is made, the oldest has to go. */
const GROUP_KEYS_MAX = 10;

/** What the keys of groups may be used for. */
export const groupKeyScopes: readonly Scope[] = [Scope.READ, Scope.CALL];

/** A new key of a group, not stored yet. */
export function mintGroupKey(
  core: Pick<Core, 'clock'>,
  of: { readonly tenant: string; readonly group: string; readonly principal: string },
) {
  const scopes = [...groupKeyScopes];
  return mintKey(core, { ...of, consumer: '', title: `tool group ${of.group}`, scopes });
}

/** The keys of a group that are not revoked, oldest first. */
export async function keysOfGroup(
  reader: Reader,
  tenant: string,
  group: string,
): Promise<readonly StoredKey[]> {
  const size = GROUP_KEYS_MAX * 2;
  const { items } = await reader.keys(tenant, { group, unrevoked: true }, { size });
  return items;
}

/** Lets the keys of a group work no longer than until a time. */
export async function endKeys(
  tx: Transaction,
  keys: readonly StoredKey[],
  { nowMs, untilMs }: { readonly nowMs: number; readonly untilMs: number },
): Promise<void> {
  for (const [index, stored] of keys.entries()) {
    const { key } = stored;
    const isOver = untilMs <= nowMs || keys.length - index >= GROUP_KEYS_MAX;
    const endMs = key.expireTime ? Math.min(timestampMs(key.expireTime), untilMs) : untilMs;
    const end = isOver
      ? { revokeTime: timestampFromMs(nowMs) }
      : { expireTime: timestampFromMs(endMs) };
    await tx.putKey({ ...stored, key: { ...key, ...end } });
  }
}
