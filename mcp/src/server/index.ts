export type { KnownTemplate, ListName, McpBackend, McpGroup } from './backend.ts';
export { createMcpServer, type McpServer, type McpServerOptions } from './server.ts';
export type { SharedLogs, SharedPart } from './shared/logs.ts';
