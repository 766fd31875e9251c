import { durationMs, integer, optional, text } from '@weir/kit';

/** The settings of Weir as a server of the Model Context Protocol. */
export const mcpSettings = {
  mcpSessions: integer('WEIR_MCP_SESSIONS', {
    doc: 'How many sessions of MCP clients a router keeps at once, and how many may listen for changes without one',
    default: '1000',
    min: 1,
    max: 1_000_000,
  }),
  mcpSessionMs: durationMs('WEIR_MCP_SESSION_LIFETIME', {
    doc: 'How long a session of an MCP client lasts',
    default: '1h',
    min: 1_000,
  }),
  mcpAuthorizationServers: optional(
    text('WEIR_MCP_AUTHORIZATION_SERVERS', {
      doc: 'The issuers that MCP clients are told to get tokens from, separated by commas; none: those of the only tenant that has issuers',
    }),
  ),
};
