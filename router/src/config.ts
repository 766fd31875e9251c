import {
  bytes,
  choice,
  durationMs,
  optional,
  path,
  port,
  readServiceSecret,
  readSettings,
  text,
  url,
} from '@weir/kit';

/** The settings of a router, each from one environment variable. */
export const routerSettings = {
  host: text('WEIR_HOST', { doc: 'The address that callers reach', default: '127.0.0.1' }),
  port: port('WEIR_PORT', { doc: 'The port that callers reach', default: '7070' }),
  opsHost: text('WEIR_OPS_HOST', {
    doc: 'The address of /healthz, /readyz and /metrics',
    default: '127.0.0.1',
  }),
  opsPort: port('WEIR_OPS_PORT', {
    doc: 'The port of /healthz, /readyz and /metrics',
    default: '7071',
  }),
  registryUrl: url('WEIR_REGISTRY_URL', {
    doc: 'Where the internal listener of the registry is',
    default: 'http://127.0.0.1:7072',
  }),
  serviceSecretFile: path('WEIR_SERVICE_SECRET_FILE', {
    doc: 'The file with the secret that registry and routers share',
    default: '.weir/service.key',
  }),
  dataDir: path('WEIR_DATA_DIR', { doc: 'Where the snapshot is kept', default: '.weir' }),
  redisUrl: optional(
    url('WEIR_REDIS_URL', {
      doc: 'The Redis whose cache the routers share; none: each has its own only',
      protocols: ['redis', 'rediss'],
    }),
  ),
  cacheMaxBytes: bytes('WEIR_CACHE_MAX_BYTES', {
    doc: 'How much the cache in memory may hold',
    default: '256MiB',
    min: 1024 * 1024,
  }),
  snapshotMaxAgeMs: durationMs('WEIR_SNAPSHOT_MAX_AGE', {
    doc: 'How long a router serves after it last heard of the registry',
    default: '15m',
  }),
  corsOrigins: optional(
    text('WEIR_CORS_ORIGINS', {
      doc: 'The origins whose pages may call, separated by commas; * for all',
    }),
  ),
  secretsFile: optional(
    path('WEIR_SECRETS_FILE', { doc: 'The file with the secrets for providers, as name=secret' }),
  ),
  drainMs: durationMs('WEIR_DRAIN', {
    doc: 'How long calls under way may take when the router stops',
    default: '20s',
  }),
  logLevel: choice('WEIR_LOG_LEVEL', ['trace', 'debug', 'info', 'warn', 'error', 'silent'], {
    doc: 'The least severe log lines that are written',
    default: 'info',
  }),
};

/** How a router runs. */
export interface RouterConfig extends Readonly<RouterSettings> {
  /** The secret that registry and routers share; at least 32 bytes. */
  readonly serviceSecret: Uint8Array;
}

type RouterSettings = Omit<
  { [K in keyof typeof routerSettings]: ReturnType<(typeof routerSettings)[K]['parse']> },
  'serviceSecretFile'
>;

/** Reads the configuration of a router from the environment. */
export function readRouterConfig(env: NodeJS.ProcessEnv): RouterConfig {
  const { serviceSecretFile, ...settings } = readSettings(routerSettings, env);
  const { variable } = routerSettings.serviceSecretFile;
  return Object.freeze({
    ...settings,
    serviceSecret: readServiceSecret(variable, serviceSecretFile),
  });
}
