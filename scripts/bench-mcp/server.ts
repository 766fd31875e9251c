import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  type NodeIncomingMessageLike,
  NodeStreamableHTTPServerTransport,
  toNodeHandler,
} from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { KEPT_MS, names, VALUE } from './spec.ts';

// The MCP server that all subjects stand before, made of the official package as its manual says:
// over HTTP with sessions, and without them for revision 2026-07-28, at the port that it is given; over
// standard input and output with "stdio" in its place.

const [, , at = 'stdio'] = process.argv;

if (at === 'stdio') serveStdio(serverOf);
else serveHttp(Number(at));

function serverOf(): McpServer {
  const server = new McpServer({ name: 'bench', version: '1.0.0' });
  const text = () => ({ content: [{ type: 'text' as const, text: VALUE }] });
  server.registerTool(names.tool, { description: 'Says 1 KB.' }, text);
  const annotations = { readOnlyHint: true };
  server.registerTool(names.readOnly, { description: 'Says 1 KB that lasts.', annotations }, text);
  const lasting = { cacheHint: { ttlMs: KEPT_MS, cacheScope: 'public' as const } };
  const read = (uri: URL) => ({
    contents: [{ uri: uri.href, mimeType: 'text/plain', text: VALUE }],
  });
  const anyNow = new ResourceTemplate(`${names.resource}/{n}`, { list: undefined });
  server.registerResource('now', anyNow, {}, read);
  server.registerResource('lasting', names.lasting, lasting, read);
  return server;
}

function serveHttp(port: number): void {
  const sessions = new Map<string, NodeStreamableHTTPServerTransport>();
  const modern = toNodeHandler(createMcpHandler(serverOf, { legacy: 'reject' }));
  const server = createServer((request, response) => {
    // The header is of the revisions that have no sessions.
    const isModern = request.headers['mcp-method'] !== undefined;
    if (isModern) void modern(request as NodeIncomingMessageLike, response);
    else void inSession(sessions, request, response);
  });
  server.listen(port, '127.0.0.1');
}

async function inSession(
  sessions: Map<string, NodeStreamableHTTPServerTransport>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const known = sessions.get(String(request.headers['mcp-session-id'] ?? ''));
  if (known) return known.handleRequest(request, response);
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (begun) => void sessions.set(begun, transport),
  });
  await serverOf().connect(transport);
  await transport.handleRequest(request, response);
}
