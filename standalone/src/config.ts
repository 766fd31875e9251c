import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  optional,
  outboundAllow,
  path,
  readAllowed,
  readSettings,
  SettingsError,
  url,
} from '@weir/kit';
import { signInSettings } from '@weir/mcp/client';
// The registry itself is loaded in its own thread only.
import { databaseSettings, registrySettings, withPassword } from '@weir/registry/config';
import { routerSettings } from '@weir/router';

const projectDir = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const {
  registryUrl: _registryUrl,
  serviceSecretFile: _serviceSecretFile,
  ...sharedSettings
} = routerSettings;

/** The settings of Weir in one process. */
export const standaloneSettings = {
  ...sharedSettings,
  ...databaseSettings,
  auditMinRetentionMs: registrySettings.auditMinRetentionMs,
  toolCallsKeptMs: registrySettings.toolCallsKeptMs,
  // The ready-made providers, and those that its one user tries, run on this machine.
  outboundAllow: outboundAllow('loopback'),
  docsDir: path('WEIR_DOCS_DIR', {
    doc: 'The folder whose documents are served as DocChunk',
    default: projectDir,
  }),
  upstreamsFile: optional(
    path('WEIR_UPSTREAMS_FILE', {
      doc: 'The file that names the MCP servers that become providers; none: upstreams.yaml in the data directory',
    }),
  ),
  ...signInSettings,
  sqlUrl: optional(
    url('WEIR_SQL_URL', {
      doc: 'A PostgreSQL database whose schema is served as SQLSchema; none: that of Weir itself',
      protocols: ['postgres', 'postgresql'],
    }),
  ),
};

/** How Weir runs in one process. */
export interface StandaloneConfig extends Readonly<Omit<Settings, 'databasePasswordFile'>> {
  /** A dump to fill the embedded database with, in memory; for tests. */
  readonly pgliteDump?: Blob | undefined;
}

type Settings = {
  [K in keyof typeof standaloneSettings]: ReturnType<(typeof standaloneSettings)[K]['parse']>;
};

const FLAGS = {
  docs: 'WEIR_DOCS_DIR',
  sql: 'WEIR_SQL_URL',
  port: 'WEIR_PORT',
  data: 'WEIR_DATA_DIR',
} as const;

/** Reads the configuration from the environment and the command line, which wins. */
export function readStandaloneConfig(
  env: NodeJS.ProcessEnv,
  args: readonly string[] = [],
): StandaloneConfig {
  const given = { ...env };
  for (const [flag, value] of Object.entries(readFlags(args))) {
    given[FLAGS[flag as keyof typeof FLAGS]] = value;
  }
  const { databasePasswordFile, ...config } = readSettings(standaloneSettings, given);
  requireLoopback(config.outboundAllow);
  requireClearText(config);
  return Object.freeze({
    ...config,
    databaseUrl: withPassword(config.databaseUrl, databasePasswordFile),
  });
}

/** The ready-made providers of the process call it in clear text. */
function requireClearText({
  tlsCertFile,
  tlsClearText,
}: Pick<Settings, 'tlsCertFile' | 'tlsClearText'>): void {
  if (!tlsCertFile || tlsClearText) return;
  throw new SettingsError(
    standaloneSettings.tlsClearText.variable,
    'is false, and the ready-made providers of this process call in clear text',
    'set it to true, or run registry and router apart',
  );
}

/** What is called at its own addresses is served there in the same process. */
function requireLoopback(allow: readonly string[]): void {
  if (readAllowed(allow).includes('127.0.0.1')) return;
  const { variable } = standaloneSettings.outboundAllow;
  throw new SettingsError(
    variable,
    'leaves out this machine, where the ready-made providers are',
    'add loopback',
  );
}

function readFlags(args: readonly string[]): Record<string, string> {
  const options = Object.fromEntries(
    Object.keys(FLAGS).map((flag) => [flag, { type: 'string' as const }]),
  );
  try {
    return parseArgs({ args: [...args], options, strict: true }).values as Record<string, string>;
  } catch (error) {
    const known = Object.keys(FLAGS).map((flag) => `--${flag}`);
    throw new SettingsError(
      'command line',
      `: ${(error as Error).message}`,
      `use ${known.join(', ')}`,
    );
  }
}

/** The files of a data directory. */
export function dataFiles(dataDir: string) {
  return {
    adminKey: join(dataDir, 'admin.key'),
    providersKey: join(dataDir, 'providers.key'),
    serviceSecret: join(dataDir, 'service.key'),
    connectorKeys: join(dataDir, 'connector-keys'),
    upstreams: join(dataDir, 'upstreams.yaml'),
    log: join(dataDir, 'logs', 'weir.log'),
    snapshot: join(dataDir, 'snapshot.bin'),
  };
}
