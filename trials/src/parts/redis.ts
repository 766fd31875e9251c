import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { binary } from './binaries.ts';
import { createPart, type Part } from './part.ts';
import { freePort } from './ports.ts';
import type { Site } from './site.ts';

/** A Redis server of our own. */
export interface RedisServer extends AsyncDisposable {
  readonly part: Part;
  readonly port: number;
  /** Where it is, by its own port or that of a link to it. */
  url(port?: number): string;
  flush(): Promise<void>;
  /** Puts garbage under every key that is there: noise, cut values, values of other keys. */
  spoil(): Promise<number>;
  /** Takes no more writes, as one whose memory is full; or does again. */
  setFull(full: boolean): Promise<void>;
  /** Takes no more writes, as a replica; or does again. */
  setReplica(replica: boolean): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 2_000;
const COMMAND_TIMEOUT_MS = 2_000;

/** Starts a Redis that keeps nothing on disk. Throws MissingBinary. */
export async function openRedisServer(site: Site): Promise<RedisServer> {
  const command = binary('redis-server', 'redis');
  const folder = join(site.folder, 'redis');
  await mkdir(folder);
  const port = await freePort();
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder];
  const args = [...settings, '--save', '', '--appendonly', 'no', '--daemonize', 'no'];
  const part = createPart(site, { name: 'redis', command, args });
  part.start();

  async function withClient<T>(use: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(port, '127.0.0.1', {
      connectTimeout: CONNECT_TIMEOUT_MS,
      commandTimeout: COMMAND_TIMEOUT_MS,
    });
    redis.on('error', () => {});
    try {
      return await use(redis);
    } finally {
      redis.disconnect();
    }
  }

  return {
    part,
    port,
    url: (at = port) => `redis://127.0.0.1:${at}`,
    flush: () => withClient(async (redis) => void (await redis.flushall())),
    spoil: () => withClient(spoil),
    setFull: (full) =>
      withClient(async (redis) => void (await redis.config('SET', 'maxmemory', full ? '1' : '0'))),
    setReplica: (replica) =>
      withClient(async (redis) => {
        if (replica) await redis.replicaof('127.0.0.1', 1);
        else await redis.call('REPLICAOF', 'NO', 'ONE');
      }),
    [Symbol.asyncDispose]: () => part.kill(),
  };
}

async function spoil(redis: Redis): Promise<number> {
  const keys = await redis.keys('*');
  // Of what is no text there is nothing to cut; it is written over like the rest.
  const values = await Promise.all(keys.map((key) => redis.getBuffer(key).catch(() => null)));
  const garbage = keys.map((_, i) => {
    const own = values[i] ?? Buffer.alloc(0);
    const others = values[(i + 1) % keys.length] ?? Buffer.alloc(0);
    const flipped = Buffer.from(own).map((byte, at) => (at === own.length - 2 ? byte ^ 1 : byte));
    const kinds = [others, randomBytes(64), own.subarray(0, own.length / 2), Buffer.from(flipped)];
    return kinds[i % kinds.length] ?? others;
  });
  const written = keys.map((key, i) => redis.set(key, garbage[i] ?? '', 'KEEPTTL'));
  await Promise.all(written);
  return keys.length;
}
