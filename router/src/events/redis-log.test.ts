import { createLogger, MCP_MESSAGES_LOG, MCP_STREAM_LOGS } from '@weir/kit';
import { hasRedisServer, openTestRedis } from '@weir/kit/testing/redis-server';
import { openTcpLink } from '@weir/kit/testing/tcp-link';
import { describe, expect, test } from 'vitest';
import { appendingOf, describeEventLog, type LogWorld } from './log-conformance.ts';
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

  test('logs of routers are kept whatever is set, and one that passes is forgotten whole', async () => {
    await using server = await openTestRedis();
    await using events = openRedisLog({ url: server.url, log });
    using stack = new DisposableStack();
    const redis = stack.adopt(connectLog(server.url), (open) => open.disconnect());
    const keys = createKeys(KEY_PREFIX);
    const stream = `${MCP_STREAM_LOGS}a`;
    const signal = AbortSignal.timeout(10_000);
    const forget = async () => {
      await redis.del(keys.keeper);
      await forgetOld(redis, keys, { kept: { ...keptDefaults, bytes: 0 }, everyMs: 1_000 });
    };
    for (const name of ['acme', stream, MCP_MESSAGES_LOG]) {
      await events.append(appendingOf(name, ['a', 'b']), signal);
    }
    await forget();
    expect(await events.state('acme', signal)).toMatchObject({ first: 3n, head: 2n });
    for (const name of [stream, MCP_MESSAGES_LOG]) {
      expect(await events.state(name, signal)).toMatchObject({ first: 1n, head: 2n });
      await redis.xtrim(keys.of(name).log[1], 'MAXLEN', 0);
    }
    await forget();
    expect(await events.state(MCP_MESSAGES_LOG, signal)).toMatchObject({ first: 3n, head: 2n });
    expect(await events.state(stream, signal)).toMatchObject({ first: 1n, head: 0n });
    expect(await redis.exists(...keys.of(stream).log)).toBe(0);
    expect(await redis.smembers(keys.tenants)).not.toContain(stream);
  });
});
