import {
  choice,
  durationMs,
  type GivenSettings,
  integer,
  optional,
  outboundSettings,
  path,
  port,
  readSecretFile,
  readServiceSecret,
  readSettings,
  retentionSettings,
  SettingsError,
  text,
  tlsServerSettings,
  tracingSettings,
  url,
} from '@weir/kit';

/** How a registry runs. */
export interface RegistryConfig extends GivenSettings<typeof routersTls> {
  /** The address of the internal listener, which only routers reach. */
  readonly host: string;
  /** Its port; 0 for one that the system chooses. */
  readonly port: number;
  /** The address of /healthz, /readyz and /metrics. Absent: loopback. */
  readonly opsHost?: string | undefined;
  /** Their port. Absent: they are not served. */
  readonly opsPort?: number | undefined;
  /** Where the embedded database and the first administrator's key are kept. */
  readonly dataDir: string;
  /** A PostgreSQL database. Absent: the embedded one, in `dataDir`/db. */
  readonly databaseUrl?: string | undefined;
  /** Providers of the first tenant that run in the process of the registry. Absent: none. */
  readonly ownProviders?: readonly string[] | undefined;
  /** Where copies of new embedded databases are kept, for the next to begin with. Absent: nowhere. */
  readonly templatesDir?: string | undefined;
  /** The secret shared with the routers, at least 32 bytes. */
  readonly serviceSecret: Uint8Array;
  /** How long an endpoint's lease lasts. */
  readonly leaseMs: number;
  /** How often the health of static endpoints is checked. */
  readonly healthIntervalMs: number;
  /** What may be called besides public addresses: words and networks. Absent: nothing. */
  readonly outboundAllow?: readonly string[] | undefined;
  /** How long records of calls are kept, whoever asks for them to be erased. Default: no time. */
  readonly auditMinRetentionMs?: number | undefined;
  /** How many changes are kept, so that a watch can go on after a disconnect. */
  readonly changesKept: number;
  /** How long events are kept. Absent: 7 days. */
  readonly eventsKeptMs?: number | undefined;
  /** How long the log of calls of tools goes back. */
  readonly toolCallsKeptMs?: number | undefined;
  /** What the events of a tenant take in the database at most. Absent: 1 GiB. */
  readonly eventsMaxBytes?: number | undefined;
  /** Where traces are sent to. Absent: nothing is traced. */
  readonly tracesUrl?: string | undefined;
  /** The share of calls that are traced, of those that bring no trace. Default: none. */
  readonly tracesShare?: number | undefined;
  readonly logLevel: string;
  /** A dump to fill an embedded database in memory with; for tests. */
  readonly pgliteDump?: Blob | undefined;
}

/** How far the log of calls of tools goes back, where nothing else is set, in milliseconds. */
export const TOOL_CALLS_KEPT_MS = 30 * 86_400_000;

/** What a registry uses when it is told nothing else. */
export const registryDefaults = {
  host: '127.0.0.1',
  port: 7072,
  leaseMs: 3000,
  healthIntervalMs: 1000,
  changesKept: 10_000,
  logLevel: 'info',
} as const;

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** The settings that say which database a registry uses. */
export const databaseSettings = {
  databaseUrl: optional(
    url('WEIR_DATABASE_URL', {
      doc: 'The PostgreSQL database of the registry; none: the embedded one',
      protocols: ['postgres', 'postgresql'],
    }),
  ),
  databasePasswordFile: optional(
    path('WEIR_DATABASE_PASSWORD_FILE', {
      doc: 'The file with the password for that database, when its URL has none',
    }),
  ),
};

/** The settings of TLS for routers. */
export const routersTls = tlsServerSettings('WEIR_REGISTRY_TLS', 'routers');

/** The settings of a registry that runs as its own process. */
export const registrySettings = {
  ...databaseSettings,
  tracesUrl: tracingSettings.tracesUrl,
  tracesShare: tracingSettings.tracesShare,
  host: text('WEIR_REGISTRY_HOST', {
    doc: 'The address of the internal listener, which only routers reach',
    default: registryDefaults.host,
  }),
  port: port('WEIR_REGISTRY_PORT', {
    doc: 'The port of the internal listener; 0 for any',
    default: String(registryDefaults.port),
  }),
  opsHost: text('WEIR_OPS_HOST', {
    doc: 'The address of /healthz, /readyz and /metrics',
    default: '127.0.0.1',
  }),
  opsPort: optional(
    port('WEIR_OPS_PORT', { doc: 'The port of /healthz, /readyz and /metrics; none: not served' }),
  ),
  ...routersTls,
  dataDir: path('WEIR_DATA_DIR', {
    doc: 'Where the embedded database and the administrator key are kept',
    default: '.weir',
  }),
  serviceSecretFile: path('WEIR_SERVICE_SECRET_FILE', {
    doc: 'The file with the secret that registry and routers share',
    default: '.weir/service.key',
  }),
  leaseMs: durationMs('WEIR_LEASE', {
    doc: "How long an endpoint's lease lasts",
    default: `${registryDefaults.leaseMs}ms`,
    min: 100,
    max: 600_000,
  }),
  healthIntervalMs: durationMs('WEIR_HEALTH_INTERVAL', {
    doc: 'How often static endpoints are checked',
    default: `${registryDefaults.healthIntervalMs}ms`,
    min: 100,
    max: 60_000,
  }),
  outboundAllow: outboundSettings.outboundAllow,
  auditMinRetentionMs: durationMs('WEIR_AUDIT_MIN_RETENTION', {
    doc: 'How long records of calls are kept, whoever asks for them to be erased',
    default: '0s',
    max: 3660 * 86_400_000,
  }),
  changesKept: integer('WEIR_CHANGES_KEPT', {
    doc: 'How many changes are kept for routers that were away',
    default: String(registryDefaults.changesKept),
    min: 1,
    max: 1_000_000,
  }),
  ...retentionSettings,
  toolCallsKeptMs: durationMs('WEIR_TOOL_CALLS_KEPT', {
    doc: 'How long the log of calls of tools goes back',
    default: `${TOOL_CALLS_KEPT_MS / 86_400_000}d`,
    min: 1_000,
    max: 3660 * 86_400_000,
  }),
  logLevel: choice('WEIR_LOG_LEVEL', LEVELS, {
    doc: 'The least level that is logged',
    default: registryDefaults.logLevel,
  }),
};

/** Reads the configuration of a registry process from the environment. Throws SettingsError. */
export function readRegistryConfig(env: NodeJS.ProcessEnv): RegistryConfig {
  const read = readSettings(registrySettings, env);
  const { serviceSecretFile, databaseUrl, databasePasswordFile, ...rest } = read;
  const { variable } = registrySettings.serviceSecretFile;
  return Object.freeze({
    ...rest,
    databaseUrl: withPassword(databaseUrl, databasePasswordFile),
    serviceSecret: readServiceSecret(variable, serviceSecretFile),
  });
}

/** The URL of the database with the password from its file. Throws SettingsError. */
export function withPassword(
  databaseUrl: string | undefined,
  passwordFile: string | undefined,
): string | undefined {
  if (passwordFile === undefined) return databaseUrl;
  const { variable } = databaseSettings.databasePasswordFile;
  const whole = URL.parse(databaseUrl ?? '');
  if (whole === null) {
    throw new SettingsError(variable, 'is set without WEIR_DATABASE_URL', 'set both');
  }
  if (whole.password !== '') {
    throw new SettingsError(
      variable,
      'is set, and WEIR_DATABASE_URL has a password too',
      'take it out of the URL',
    );
  }
  whole.password = readSecretFile(variable, passwordFile);
  return whole.href;
}
