/**
 * Every environment variable that a process of Weir's reads. One environment may be given to all
 * of them: each takes its own, and only a variable that nobody knows is refused.
 */
export const weirVariables: readonly string[] = [
  'WEIR_CACHE_MAX_BYTES',
  'WEIR_CHANGES_KEPT',
  'WEIR_CORS_ORIGINS',
  'WEIR_DATABASE_URL',
  'WEIR_DATA_DIR',
  'WEIR_DOCS_DIR',
  'WEIR_DRAIN',
  'WEIR_HEALTH_INTERVAL',
  'WEIR_HOST',
  'WEIR_KEY',
  'WEIR_LEASE',
  'WEIR_LOG_LEVEL',
  'WEIR_OPS_HOST',
  'WEIR_OPS_PORT',
  'WEIR_PORT',
  'WEIR_REDIS_URL',
  'WEIR_REGISTRY_HOST',
  'WEIR_REGISTRY_PORT',
  'WEIR_REGISTRY_URL',
  'WEIR_SECRETS_FILE',
  'WEIR_SERVICE_SECRET_FILE',
  'WEIR_SNAPSHOT_MAX_AGE',
  'WEIR_SQL_URL',
  'WEIR_TEST_CHROMIUM',
  'WEIR_TEST_DATABASE_URL',
  'WEIR_TEST_REDIS_URL',
  'WEIR_URL',
];
