export { type MintedApiKey, mintApiKey, parseApiKey, secretMatches } from './api-key.ts';
export { type Assertion, type Assertions, createAssertions } from './assertion.ts';
export { type Caller, callerKey, callerOf, requestIdKey, requireScope } from './caller.ts';
export { type Clock, systemClock } from './clock.ts';
export {
  type ConsistencyPoint,
  type ConsistencyTokens,
  createConsistencyTokens,
} from './consistency.ts';
export {
  codeOf,
  errorDomain,
  type FieldViolation,
  type RefuseOptions,
  reasonName,
  reasonOf,
  refuse,
  toConnectError,
  WeirError,
} from './errors.ts';
export { createLogger, type Logger, type LoggerOptions } from './log.ts';
export { runMain } from './main.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export {
  keyFault,
  keyMaxBytes,
  parseKey,
  parseName,
  parsePrincipalName,
  parseRange,
  parseTypeName,
  parseVersion,
} from './names.ts';
export { type Operations, type OperationsOptions, openOperations } from './ops.ts';
export { ensureServiceSecret, readSecretFile, readServiceSecret } from './secret-file.ts';
export type { CorsOptions } from './serve/cors.ts';
export { drainingKey } from './serve/draining.ts';
export type { HttpRequest, HttpResponse } from './serve/http.ts';
export { defaultLimits, type ServeLimits } from './serve/limits.ts';
export type { ServeOptions } from './serve/options.ts';
export { type Server, serve } from './serve/serve.ts';
export { serviceSecretMinBytes } from './service-secret.ts';
export {
  type Bounds,
  bytes,
  choice,
  durationMs,
  flag,
  integer,
  optional,
  path,
  port,
  readSettings,
  type Setting,
  type SettingDoc,
  SettingsError,
  text,
  url,
} from './settings.ts';
export { weirVariables } from './variables.ts';
