import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { optional, path, readSettings, SettingsError, url } from '@weir/kit';
// The registry itself is loaded in its own thread only.
import { databaseSettings, withPassword } from '@weir/registry/config';
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
  docsDir: path('WEIR_DOCS_DIR', {
    doc: 'The folder whose documents are served as DocChunk',
    default: projectDir,
  }),
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
  return Object.freeze({
    ...config,
    databaseUrl: withPassword(config.databaseUrl, databasePasswordFile),
  });
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
    log: join(dataDir, 'logs', 'weir.log'),
  };
}
