import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { binary } from '../../trials/src/parts/binaries.ts';
import { createPart, type Part } from '../../trials/src/parts/part.ts';
import { freePort, listens } from '../../trials/src/parts/ports.ts';
import { openTopology, type Topology, until } from '../../trials/src/parts/topology.ts';
import type { Where } from './spec.ts';

/** When an event is acknowledged: once it is on the disk, or once the operating system has it. */
export type Durability = 'disk' | 'system';

/** A server, or several, that events go through. */
export interface Subject {
  readonly where: Where;
  /** The process whose memory subscriptions take. */
  readonly part: Part;
  /** All whose time is the subject's. */
  readonly parts: readonly Part[];
  /** How it keeps events, in the words of its own settings; undefined: it cannot. */
  setDurability(durability: Durability): Promise<string | undefined>;
}

/** The three, each with servers of its own. */
export interface Servers extends AsyncDisposable {
  readonly subjects: readonly Subject[];
  /** Why one of them is left out. */
  readonly missing: readonly string[];
}

/** Opens all that are installed. Throws MissingBinary when Weir's own are not. */
export async function openServers(): Promise<Servers> {
  await using opening = new AsyncDisposableStack();
  const topology = opening.use(
    await openTopology({ registries: 1, routers: 1, env: { WEIR_LOG_LEVEL: 'warn' } }),
  );
  const subjects = [weirSubject(topology), await openRedis(topology)];
  const missing: string[] = [];
  try {
    subjects.push(await openNats(topology));
  } catch (error) {
    missing.push(`nats-jetstream is left out: ${(error as Error).message}`);
  }
  const open = opening.move();
  return { subjects, missing, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

function weirSubject({ postgres, registries, routers, adminKey: key }: Topology): Subject {
  const [router] = routers;
  if (!router) throw new Error('there is no router');
  return {
    where: { kind: 'weir', url: router.url, key },
    part: router.part,
    parts: [...registries, ...routers, postgres].map(({ part }) => part),
    async setDurability(durability) {
      const fsync = durability === 'disk' ? 'on' : 'off';
      await postgres.run(`alter system set fsync = ${fsync}`, 'select pg_reload_conf()');
      return `PostgreSQL, synchronous_commit on, fsync ${fsync}`;
    },
  };
}

async function openRedis({ site, addPart }: Topology): Promise<Subject> {
  const folder = join(site.folder, 'redis-streams');
  await mkdir(folder);
  const port = await freePort();
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
  const args = [...settings, '--appendonly', 'yes', '--appendfsync', 'always'];
  const command = binary('redis-server', 'redis');
  const part = addPart(createPart(site, { name: 'redis-streams', command, args }));
  part.start();
  await until(() => listens(port), 'Redis listens');
  return {
    where: { kind: 'redis-streams', port },
    part,
    parts: [part],
    async setDurability(durability) {
      const appendfsync = durability === 'disk' ? 'always' : 'no';
      const redis = new Redis(port, '127.0.0.1');
      await redis.config('SET', 'appendfsync', appendfsync);
      redis.disconnect();
      return `AOF, appendfsync ${appendfsync}`;
    },
  };
}

async function openNats({ site, addPart }: Topology): Promise<Subject> {
  const command = binary('nats-server', 'nats-server');
  const port = await freePort();
  const file = join(site.folder, 'nats.conf');
  const store = JSON.stringify(join(site.folder, 'nats'));
  const configure = async (more: string) => {
    await writeFile(
      file,
      `listen: "127.0.0.1:${port}"\njetstream { store_dir: ${store}${more} }\n`,
    );
    return promisify(execFile)(command, ['-t', '-c', file]).then(
      () => true,
      () => false,
    );
  };
  // Not before 2.10; a server that knows it is on the disk in both, which is more than was asked for.
  const knowsSync = await configure(', sync_interval: always');
  if (!knowsSync && !(await configure(''))) throw new Error('it does not take its settings');
  const part = addPart(createPart(site, { name: 'nats', command, args: ['-c', file] }));
  part.start();
  await until(() => listens(port), 'NATS listens');
  return {
    where: { kind: 'nats-jetstream', port },
    part,
    parts: [part],
    async setDurability(durability) {
      if (knowsSync) return 'file storage, sync_interval always';
      // Its own default: the disk has all but what came in the last two minutes.
      return durability === 'disk' ? undefined : 'file storage, synced every 2 minutes';
    },
  };
}
