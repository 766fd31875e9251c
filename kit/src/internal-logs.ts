/**
 * Logs in which routers tell each other things, beside those of tenants, in the same place and by the same
 * calls. No name of a tenant begins as theirs do; no call of a user leads to them.
 */
const PREFIX = '~';

/** What MCP clients have set in their sessions. */
export const MCP_SESSIONS_LOG = `${PREFIX}mcp/sessions`;
/** What routers say to each other for MCP clients. */
export const MCP_MESSAGES_LOG = `${PREFIX}mcp/messages`;
/** What the names of logs begin with that have the messages of one stream to an MCP client. */
export const MCP_STREAM_LOGS = `${PREFIX}mcp/streams/`;

/** How much is kept of such a log. */
export interface InternalRetention {
  readonly keptMs: number;
  readonly maxBytes: number;
  /** The whole log is forgotten with its last entry; its name is never used again. */
  readonly passes: boolean;
}

/** What was set in sessions: a day is more than a session should last. */
const SESSIONS_KEPT_MS = 86_400_000;
const SESSIONS_MAX_BYTES = 64 * 1024 * 1024;
/** What routers say to each other: they hear it at once, or when they can reach the log again. */
const MESSAGES_KEPT_MS = 600_000;
const MESSAGES_MAX_BYTES = 64 * 1024 * 1024;
/** Streams: as long as a call goes on whose client was cut off, and as long again. */
const STREAMS_KEPT_MS = 600_000;
const STREAMS_MAX_BYTES = 16 * 1024 * 1024;

const sessions = { keptMs: SESSIONS_KEPT_MS, maxBytes: SESSIONS_MAX_BYTES, passes: false };
const messages = { keptMs: MESSAGES_KEPT_MS, maxBytes: MESSAGES_MAX_BYTES, passes: false };
const streams = { keptMs: STREAMS_KEPT_MS, maxBytes: STREAMS_MAX_BYTES, passes: true };

/** Whether a log is one of those of routers. */
export function isInternalLog(log: string): boolean {
  return log.startsWith(PREFIX);
}

/** How much is kept of a log; undefined: it is of a tenant, and settings say it. */
export function internalRetentionOf(log: string): InternalRetention | undefined {
  if (!isInternalLog(log)) return undefined;
  if (log.startsWith(MCP_STREAM_LOGS)) return streams;
  return log === MCP_SESSIONS_LOG ? sessions : messages;
}
