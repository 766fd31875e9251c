import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { KeptGroup } from '../event-log.ts';
import type { LogRedis } from './connect.ts';
import { groupWordsOf, type Kept } from './kept.ts';
import type { TenantKeys } from './keys.ts';

const SPACE = 0x20;

/** Reads what is kept of a group of workers. */
export async function readGroup(
  redis: LogRedis,
  { groups: [groups] }: TenantKeys,
  name: string,
): Promise<KeptGroup> {
  const held = await redis.hgetBuffer(groups, name);
  if (!held) return { state: new Uint8Array(), version: 0n };
  const end = held.indexOf(SPACE);
  const version = BigInt(held.toString('latin1', 0, end));
  return { state: new Uint8Array(held.subarray(end + 1)), version };
}

/** A group to write, of a tenant that may have so many. */
export interface GroupWrite extends KeptGroup {
  readonly name: string;
  readonly kept: Kept;
}

/** Keeps it over the version that was read; false: somebody else wrote since. Throws TOO_MANY. */
export async function writeGroup(
  redis: LogRedis,
  { groups }: TenantKeys,
  { name, state, version, kept }: GroupWrite,
): Promise<boolean> {
  const words = [name, String(version), Buffer.from(state), ...groupWordsOf(kept)];
  const reply = Number(await redis.writeGroup(2, ...groups, ...words));
  if (reply >= 0) return reply === 1;
  const text = `the tenant has ${kept.groups} groups of workers, and may have no more; use one of them, or wait until one that nobody pulls from is forgotten`;
  throw refuse(Reason.TOO_MANY, text);
}
