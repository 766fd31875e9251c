import {
  bytes,
  choice,
  durationMs,
  integer,
  optional,
  outboundSettings,
  path,
  port,
  readServiceSecret,
  readSettings,
  text,
  tracingSettings,
  url,
} from '@weir/kit';
import { journalSettings } from './audit/settings.ts';
import { blobSettings } from './blobs/settings.ts';
import { eventSettings } from './events/settings.ts';
import { type IdentityConfig, identitySettings } from './identity/settings.ts';
import { mcpSettings } from './mcp/settings.ts';

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
  ...eventSettings,
  cacheMaxBytes: bytes('WEIR_CACHE_MAX_BYTES', {
    doc: 'How much the cache in memory may hold',
    default: '256MiB',
    min: 1024 * 1024,
  }),
  answersMaxBytes: bytes('WEIR_ANSWERS_MAX_BYTES', {
    doc: 'How much the values of all answers under way may hold, from their arrival until they are sent',
    default: '256MiB',
    min: 8 * 1024 * 1024,
  }),
  callsAtWork: integer('WEIR_CALLS_AT_WORK', {
    doc: 'How many calls are at work at once; more wait for a moment, then are refused',
    default: '2000',
    min: 1,
    max: 100_000,
  }),
  fastLane: choice('WEIR_FAST_LANE', ['on', 'off'], {
    doc: 'Whether FetchContext and Subscribe over HTTP/2, in gRPC or binary Connect, are answered without the RPC library; off only to find a fault, or to compare',
    default: 'on',
  }),
  http2: choice('WEIR_HTTP2', ['own', 'node'], {
    doc: "Who reads callers' connections of HTTP/2: Weir itself, which is quicker for what the fast lane takes, or node:http2; that only to find a fault, or to compare",
    default: 'own',
  }),
  maxConnections: integer('WEIR_CONNECTIONS', {
    doc: 'How many connections callers may have open at once',
    default: '10000',
    min: 1,
    max: 1_000_000,
  }),
  maxConnectionsPerAddress: integer('WEIR_CONNECTIONS_PER_ADDRESS', {
    doc: 'How many of them may come from one address; raise it behind a proxy that has one',
    default: '1000',
    min: 1,
    max: 1_000_000,
  }),
  snapshotMaxAgeMs: durationMs('WEIR_SNAPSHOT_MAX_AGE', {
    doc: 'How long a router serves after it last heard of the registry',
    default: '15m',
  }),
  ...blobSettings,
  ...journalSettings,
  corsOrigins: optional(
    text('WEIR_CORS_ORIGINS', {
      doc: 'The origins whose pages may call, separated by commas; * for all',
    }),
  ),
  secretsFile: optional(
    path('WEIR_SECRETS_FILE', { doc: 'The file with the secrets for providers, as name=secret' }),
  ),
  ...outboundSettings,
  ...identitySettings,
  drainMs: durationMs('WEIR_DRAIN', {
    doc: 'How long calls under way may take when the router stops',
    default: '20s',
    // The process ends after 28 s, whatever happens.
    max: 25_000,
  }),
  ...mcpSettings,
  ...tracingSettings,
  logLevel: choice('WEIR_LOG_LEVEL', ['trace', 'debug', 'info', 'warn', 'error', 'silent'], {
    doc: 'The least severe log lines that are written',
    default: 'info',
  }),
};

/** How a router runs. */
export interface RouterConfig extends Readonly<RouterSettings>, IdentityConfig {
  /** The secret that registry and routers share; at least 32 bytes. */
  readonly serviceSecret: Uint8Array;
}

type RouterSettings = Omit<
  { [K in keyof typeof routerSettings]: ReturnType<(typeof routerSettings)[K]['parse']> },
  'serviceSecretFile' | keyof IdentityConfig
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
