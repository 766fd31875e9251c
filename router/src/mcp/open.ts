import { defaultLimits, type Metrics } from '@weir/kit';
import { createMcpServer, type McpServer } from '@weir/mcp/server';
import type { RouterConfig } from '../config.ts';
import { corsOf, listOf } from '../origins.ts';
import { createMcpBackend, type McpDeps } from './backend.ts';
import { createSharedLogs } from './shared-logs.ts';

/** Opens the server of the Model Context Protocol, over the RPCs of a router. */
export function openMcp(config: RouterConfig, deps: McpDeps, metrics: Metrics): McpServer {
  const { mcpSessions, mcpSessionMs, mcpAuthorizationServers, serviceSecret, publicUrl } = config;
  const servers =
    mcpAuthorizationServers === undefined ? undefined : listOf(mcpAuthorizationServers);
  const server = createMcpServer({
    backend: createMcpBackend(deps, servers),
    logs: createSharedLogs(deps.eventLog, serviceSecret),
    ...{ clock: deps.clock, serviceSecret, publicUrl, cors: corsOf(config) },
    sessions: { max: mcpSessions, lifetimeMs: mcpSessionMs },
    readMaxBytes: defaultLimits.readMaxBytes,
  });
  const gauge = (name: string, description: string, value: () => number) =>
    metrics.meter
      .createObservableGauge(name, { description })
      .addCallback((result) => result.observe(value()));
  gauge('weir_mcp_sessions', 'Sessions of MCP clients that are open.', () => server.sessions);
  gauge('weir_mcp_listeners', 'MCP clients that listen for changes.', () => server.listeners);
  gauge(
    'weir_mcp_streams_written',
    'Streams to MCP clients that were cut off, written for all routers.',
    () => server.spilled,
  );
  gauge(
    'weir_mcp_streams_read',
    'Streams of calls of other routers that MCP clients go on with here.',
    () => server.resumed,
  );
  return server;
}
