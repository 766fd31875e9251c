export { type MintedApiKey, mintApiKey, parseApiKey, secretMatches } from './api-key.ts';
export { type Assertion, type Assertions, createAssertions } from './assertion.ts';
export { type Caller, callerKey, callerOf, requestIdKey, requireScope } from './caller.ts';
export {
  compileDateForm,
  type DateField,
  type DateForm,
  dateFormFault,
  dateMaxChars,
} from './cleaning/date-form.ts';
export { pointerFault, pointerSegments } from './cleaning/json-pointer.ts';
export { type Unit, units } from './cleaning/units.ts';
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
  malformedMessage,
  type RefuseOptions,
  reasonName,
  reasonOf,
  refuse,
  toConnectError,
  WeirError,
} from './errors.ts';
export { EVENTS_KEPT_MS, EVENTS_MAX_BYTES, retentionSettings } from './event-retention.ts';
export { ensureFolder, requireFolder } from './folders.ts';
export { h2Error } from './h2/frames.ts';
export {
  type InternalRetention,
  internalRetentionOf,
  isInternalLog,
  MCP_MESSAGES_LOG,
  MCP_SESSIONS_LOG,
  MCP_STREAM_LOGS,
} from './internal-logs.ts';
export { DirectoryHeldError, type LockOptions, lockDirectory } from './lock-directory.ts';
export { createLogger, type Logger, type LoggerOptions } from './log.ts';
export { runMain } from './main.ts';
export { callBucketsS, createMetrics, type Metrics, type MetricsOptions } from './metrics.ts';
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
export { outboundAllow, outboundSettings, readAllowed } from './outbound/allowed.ts';
export {
  createOutboundFetch,
  type OutboundAnswer,
  type OutboundFetch,
  type OutboundFetchOptions,
} from './outbound/fetch.ts';
export {
  createOutboundGuard,
  hostOf,
  type OutboundGuard,
  type OutboundGuardOptions,
  OutboundRefused,
} from './outbound/guard.ts';
export { ClientSession, type SessionListener } from './outbound/h2/client-session.ts';
export { type AnswerListener, ClientStream } from './outbound/h2/client-stream.ts';
export { ConnectionLost, StreamReset } from './outbound/h2/faults.ts';
export { type ClientRequest, requestHead } from './outbound/h2/request.ts';
export {
  openSessions,
  type Sessions,
  type SessionsOptions,
} from './outbound/sessions.ts';
export { parsePermit, permitsAllow, readPermit } from './permits.ts';
export { findKeys, scrubSecrets } from './scrub.ts';
export { ensureServiceSecret, readSecretFile, readServiceSecret } from './secret-file.ts';
export { noSecrets, openSecretsFile, type SecretSource } from './secrets.ts';
export { afterCallKey, cutKey } from './serve/after-call.ts';
export type { CorsOptions } from './serve/cors.ts';
export { drainingKey } from './serve/draining.ts';
export type { Entering, Entrance, Visit, VisitCall } from './serve/entrance.ts';
export { connectionOf, type HttpRequest, type HttpResponse } from './serve/http.ts';
export { PREFIX_BYTES, writePrefix } from './serve/lane/lean-frame.ts';
export type {
  CallContext,
  CallHead,
  LeanCall,
  LeanMethod,
  LeanStreamCall,
  LeanStreamMethod,
} from './serve/lane/lean-method.ts';
export { createLastingController } from './serve/lasting-signal.ts';
export { defaultLimits, registryReadMaxBytes, type ServeLimits } from './serve/limits.ts';
export type { ServeOptions } from './serve/options.ts';
export {
  type Peer,
  type PeerCertificate,
  peerKey,
  readTrustedProxies,
  type TrustedProxies,
} from './serve/peer.ts';
export { type Server, serve } from './serve/serve.ts';
export { expectBodyKey } from './serve/signed-body.ts';
export { checkAuthorities } from './serve/tls-files.ts';
export type { ServerTls } from './serve/tls-server.ts';
export {
  openClientTls,
  openServerTls,
  tlsClientSettings,
  tlsServerSettings,
} from './serve/tls-settings.ts';
export { deriveKey, serviceSecretMinBytes } from './service-secret.ts';
export {
  type Bounds,
  bytes,
  choice,
  durationMs,
  flag,
  type GivenSettings,
  integer,
  listenFault,
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
export { createBoundedNames, otherName } from './telemetry/bounded-names.ts';
export { observeDisk } from './telemetry/disk-metrics.ts';
export { joinExpositions } from './telemetry/exposition.ts';
export { tracingSettings } from './telemetry/settings.ts';
export {
  beginSpan,
  noSpan,
  type OpenSpan,
  passTrace,
  SpanKind,
  spanEvent,
} from './telemetry/spans.ts';
export { createTally } from './telemetry/tally.ts';
export { openTracing, type Tracing, type TracingOptions } from './telemetry/tracing.ts';
export { weirVersion } from './telemetry/version.ts';
export { parseTopic } from './topics.ts';
export { TransientMap, TransientSet } from './transient.ts';
export { weirVariables } from './variables.ts';
export { JobError, type JobFault } from './workers/job-error.ts';
export {
  type JobOptions,
  openWorkers,
  type Workers,
  type WorkersOptions,
} from './workers/workers.ts';
