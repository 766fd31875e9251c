import { randomUUID } from 'node:crypto';
import { internalRetentionOf } from '@weir/kit';
import type { LogRedis } from './connect.ts';
import { groupWordsOf, type Kept, keptIn, wordsOf } from './kept.ts';
import type { Keys } from './keys.ts';

/** How many tenants are looked at together. */
const TOGETHER = 100;

/** Forgets what is old of all tenants, unless another router has done so within a time. */
export async function forgetOld(
  redis: LogRedis,
  keys: Keys,
  { kept, everyMs }: { readonly kept: Kept; readonly everyMs: number },
): Promise<void> {
  const held = await redis.set(keys.keeper, randomUUID(), 'PX', everyMs, 'NX');
  if (held === null) return;
  let cursor = '0';
  do {
    const [next, tenants] = await redis.sscan(keys.tenants, cursor, 'COUNT', TOGETHER);
    for (const tenant of tenants) await forgetOf(redis, keys, { tenant, kept });
    cursor = next;
  } while (cursor !== '0');
}

async function forgetOf(
  redis: LogRedis,
  keys: Keys,
  { tenant, kept }: { readonly tenant: string; readonly kept: Kept },
): Promise<void> {
  const { log, groups } = keys.of(tenant);
  const words = [...wordsOf(keptIn(kept, tenant)), groupWordsOf(kept)[0] as number];
  while (Number(await redis.keepEvents(6, ...log, ...groups, ...words)) > 0);
  if (internalRetentionOf(tenant)?.passes) await redis.dropLog(5, ...log, keys.tenants, tenant);
}
