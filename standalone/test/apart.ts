import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createLogger } from '@weir/kit';
import { hasRedisServer, openTestRedis } from '@weir/kit/testing/redis-server';
import { openRegistry, type Registry, registryDefaults } from '@weir/registry';
import { openRouter, type Router, type RouterConfig } from '@weir/router';
import { createWeir, type Weir } from '@weir/sdk';
import { embeddedDump, openDatabase, openFolder } from './weir.ts';

// Registry and routers apart, over sockets, as in production.

const log = createLogger({ name: 'test', level: 'silent' });
/** A text, so that it can be written to a file. */
const serviceSecret = new Uint8Array(Buffer.from(randomBytes(32).toString('base64url')));

const routerConfig: RouterConfig = {
  host: '127.0.0.1',
  port: 0,
  opsHost: '127.0.0.1',
  opsPort: 0,
  registryUrl: '',
  serviceSecret,
  dataDir: '',
  redisUrl: undefined,
  eventsLog: 'registry',
  eventsRedisUrl: undefined,
  eventsDurable: false,
  eventsKeptMs: 86_400_000,
  eventsMaxBytes: 64 * 1024 * 1024,
  cacheMaxBytes: 16 * 1024 * 1024,
  answersMaxBytes: 64 * 1024 * 1024,
  fastLane: 'on',
  http2: 'own',
  callsAtWork: 2_000,
  maxConnections: 1_000,
  maxConnectionsPerAddress: 1_000,
  snapshotMaxAgeMs: 900_000,
  mcpSessions: 1_000,
  mcpSessionMs: 3_600_000,
  mcpAuthorizationServers: undefined,
  blobMaxBytes: 64 * 1024 * 1024,
  blobStoreMaxBytes: 256 * 1024 * 1024,
  blobLinkMs: 60_000,
  blobDir: undefined,
  publicUrl: undefined,
  blobS3Url: undefined,
  blobS3KeyFile: undefined,
  corsOrigins: undefined,
  secretsFile: undefined,
  outboundAllow: ['loopback'],
  journalDurable: false,
  journalMaxBytes: 64 * 1024 * 1024,
  journalKeepMs: 60_000,
  drainMs: 1_000,
  tracesUrl: undefined,
  tracesShare: 0,
  tracesCallerRate: 0,
  logLevel: 'silent',
};

/** Registry and routers, each by itself. */
export interface Apart extends AsyncDisposable {
  readonly dataDir: string;
  /** The secret that they share. */
  readonly serviceSecret: Uint8Array;
  readonly registryUrl: string;
  readonly routers: readonly { router: Router; client: Weir }[];
  readonly adminKey: string;
  stopRegistry(): Promise<void>;
  startRegistry(): Promise<Registry>;
  /** Opens one more router; `name` names its data, so that it can be opened again. */
  openRouter(name: string, registryUrl: string): Promise<Router>;
}

/** Opens a registry, and routers by these names. */
export async function openApart(
  databaseUrl: string | undefined,
  routerNames: string[],
  more: Partial<RouterConfig> = {},
): Promise<Apart> {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await openFolder());
  const dump = databaseUrl ? undefined : await embeddedDump();
  let registry: Registry | undefined;
  let port = 0;
  const startRegistry = async () => {
    registry = await openRegistry(
      {
        ...registryDefaults,
        ...{ port, dataDir: folder.path, databaseUrl, serviceSecret, pgliteDump: dump },
        outboundAllow: ['loopback'],
      },
      { log },
    );
    port = Number(new URL(registry.url).port);
    return registry;
  };
  const stopRegistry = async () => {
    const stopping = registry;
    registry = undefined;
    await stopping?.[Symbol.asyncDispose]();
  };
  stack.defer(stopRegistry);
  const { url: registryUrl, adminKey = '' } = await startRegistry();
  const openOne = (name: string, url: string) =>
    openRouter(
      { ...routerConfig, ...more, dataDir: join(folder.path, name), registryUrl: url },
      { log },
    );
  const routers = [];
  for (const name of routerNames) {
    const router = stack.use(await openOne(name, registryUrl));
    await router.ready(AbortSignal.timeout(10_000));
    const client = createWeir({ url: router.url, key: adminKey });
    stack.defer(() => client.close());
    routers.push({ router, client });
  }
  return {
    ...{ dataDir: folder.path, serviceSecret, registryUrl },
    routers,
    adminKey,
    stopRegistry,
    startRegistry,
    openRouter: openOne,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The databases that a registry can have here. */
export const databases = [
  [
    'the embedded database',
    async () => ({ url: undefined, [Symbol.asyncDispose]: async () => {} }),
  ],
  ...(process.env.WEIR_TEST_DATABASE_URL
    ? [['PostgreSQL', () => openDatabase(process.env.WEIR_TEST_DATABASE_URL ?? '')] as const]
    : []),
] as const;

/** Where events are kept, as routers are told. */
export const eventLogs = [
  {
    place: 'there',
    isThere: true,
    openLog: async () => ({ config: {}, [Symbol.asyncDispose]: async () => {} }),
  },
  {
    place: 'in Redis (skipped without a redis-server)',
    isThere: hasRedisServer,
    async openLog() {
      const redis = await openTestRedis();
      const config = { eventsLog: 'redis', eventsRedisUrl: redis.url } as const;
      return { config, [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose]() };
    },
  },
];
