import { randomBytes } from 'node:crypto';
import { createLogger, MCP_MESSAGES_LOG, MCP_SESSIONS_LOG } from '@weir/kit';
import { hasRedisServer, openTestRedis } from '@weir/kit/testing/redis-server';
import type { SharedLogs } from '@weir/mcp/server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EventLog } from '../events/event-log.ts';
import { openRedisLog } from '../events/redis-log.ts';
import { createSharedLogs } from './shared-logs.ts';

const log = createLogger({ name: 'test', level: 'silent' });
const secret = new Uint8Array(randomBytes(32));
const signal = AbortSignal.timeout(30_000);

describe.skipIf(!hasRedisServer)('(skipped without a redis-server) logs that routers share', () => {
  const closing = new AsyncDisposableStack();
  let events: EventLog;
  let own: SharedLogs;

  beforeAll(async () => {
    const redis = closing.use(await openTestRedis());
    events = closing.use(openRedisLog({ url: redis.url, log }));
    own = createSharedLogs(events, secret);
  });
  afterAll(() => closing.disposeAsync());

  const readAll = async (logs: SharedLogs, name: string) => {
    const { after, last } = await logs.kept(name, signal);
    const found = [];
    for await (const { entries, position } of logs.follow(name, after, signal)) {
      found.push(...entries);
      if (position >= last) return found;
    }
    return found;
  };

  test('give entries of any size back as they were, in order, also of several writers', async () => {
    const entries = [1, 300_000, 3_000_000].map((size) => ({ size, text: 'é'.repeat(size) }));
    const small = Array.from({ length: 50 }, (_, at) => ({ at }));
    const other = createSharedLogs(events, secret);
    await Promise.all([
      own.append(MCP_MESSAGES_LOG, entries, signal),
      ...small.map((one) => other.append(MCP_MESSAGES_LOG, [one], signal)),
    ]);
    const found = await readAll(other, MCP_MESSAGES_LOG);
    expect(found.filter(({ text }) => text !== undefined)).toEqual(entries);
    expect(found.filter(({ at }) => at !== undefined)).toHaveLength(50);
  });

  test('show nobody else what is in them, and take nothing of others', async () => {
    await own.append(MCP_SESSIONS_LOG, [{ secret: 'canary' }], signal);
    const stored = [];
    for await (const part of events.follow(MCP_SESSIONS_LOG, 0n, signal)) {
      stored.push(...part.events);
      break;
    }
    const [first] = stored;
    expect(Buffer.from(first?.event?.data ?? []).includes('canary')).toBe(false);
    const foreign = createSharedLogs(events, new Uint8Array(randomBytes(32)));
    await foreign.append(MCP_SESSIONS_LOG, [{ secret: 'foreign' }], signal);
    // The same bytes, at another place.
    const event = first?.event ?? expect.unreachable();
    const again = { tenant: 'elsewhere', publisher: '', idempotencyKey: '', events: [event] };
    await events.append({ ...again, fingerprint: new Uint8Array() }, signal);
    await own.append(MCP_SESSIONS_LOG, [{ secret: 'last' }], signal);
    expect(await readAll(own, MCP_SESSIONS_LOG)).toEqual([
      { secret: 'canary' },
      { secret: 'last' },
    ]);
    expect(await readAll(own, 'elsewhere')).toEqual([]);
    expect(await readAll(foreign, MCP_SESSIONS_LOG)).toEqual([{ secret: 'foreign' }]);
  });
});
