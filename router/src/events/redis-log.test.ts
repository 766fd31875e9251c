import { createLogger } from '@weir/kit';
import { hasRedisServer, openTestRedis } from '@weir/kit/testing/redis-server';
import { openTcpLink } from '@weir/kit/testing/tcp-link';
import { describe } from 'vitest';
import { describeEventLog, type LogWorld } from './log-conformance.ts';
import { connectLog } from './redis/connect.ts';
import { forgetOld } from './redis/keeper.ts';
import { keptDefaults } from './redis/kept.ts';
import { createKeys, KEY_PREFIX } from './redis/keys.ts';
import { openRedisLog } from './redis-log.ts';

const log = createLogger({ name: 'test', level: 'silent' });

async function openWorld(): Promise<LogWorld> {
  await using stack = new AsyncDisposableStack();
  const { url } = stack.use(await openTestRedis());
  const link = stack.use(await openTcpLink(url));
  const [one, other] = [link.url, url].map((at) => stack.use(openRedisLog({ url: at, log })));
  if (!one || !other) throw new Error('two were opened');
  const redis = stack.adopt(connectLog(url), (open) => open.disconnect());
  const keys = createKeys(KEY_PREFIX);
  const owned = stack.move();
  return {
    ...{ one, other, cut: link.cut, mend: link.mend },
    async forget(tenant, kept) {
      const { size, head, first } = await redis.hgetall(keys.of(tenant).log[0]);
      const bytes = (kept * Number(size)) / (Number(head) - Number(first) + 1);
      await redis.del(keys.keeper);
      await forgetOld(redis, keys, { kept: { ...keptDefaults, bytes }, everyMs: 1_000 });
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

describe.skipIf(!hasRedisServer)('(skipped without a redis-server)', () => {
  describeEventLog('Redis', openWorld);
});
