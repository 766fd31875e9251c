import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, Server } from '@modelcontextprotocol/server';
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';

/** An MCP server that only takes tokens that were made for it. */
export interface ProtectedMcp extends AsyncDisposable {
  readonly url: string;
  /** Every credential that came. */
  readonly authorizations: Set<string>;
  /** Says so in its metadata; tests change it. */
  metadata: { readonly resource: string; readonly authorization_servers: readonly string[] };
}

/** Opens one that believes an authorization server. */
export async function openProtectedMcp(issuer: string): Promise<ProtectedMcp> {
  const authorizations = new Set<string>();
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));
  const handler = createMcpHandler(({ authInfo }) => serverOf(authInfo?.extra as JWTPayload));
  const serve = toNodeHandler(handler);
  const http = createServer((request, response) => {
    if (request.url?.startsWith('/.well-known/oauth-protected-resource')) {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(opened.metadata));
      return;
    }
    const given = request.headers.authorization ?? '';
    authorizations.add(given);
    void verified(given.slice('Bearer '.length)).then(
      async (extra) => {
        const isAllowed = request.headers['mcp-name'] !== 'write' || mayWrite(extra);
        if (!isAllowed) return refuse(response, 403, 'error="insufficient_scope", scope="write"');
        const auth = { token: 'kept', clientId: 'weir', scopes: [], extra };
        await serve(Object.assign(request as NodeIncomingMessageLike, { auth }), response);
      },
      () => refuse(response, 401, 'error="invalid_token", scope="read"'),
    );
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const url = `${origin}/mcp`;

  async function verified(token: string): Promise<JWTPayload> {
    const { payload } = await jwtVerify(token, keys, { issuer, audience: url });
    return payload;
  }

  function refuse(response: ServerResponse, status: number, why: string): void {
    const place = `resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`;
    response.writeHead(status, { 'www-authenticate': `Bearer ${why}, ${place}` }).end();
  }

  const opened: ProtectedMcp = {
    ...{ url, authorizations },
    metadata: { resource: url, authorization_servers: [issuer] },
    async [Symbol.asyncDispose]() {
      await handler.close();
      http.closeAllConnections();
      http.close();
    },
  };
  return opened;
}

function mayWrite({ scope }: JWTPayload): boolean {
  return String(scope).split(' ').includes('write');
}

function serverOf(payload: JWTPayload): Server {
  const server = new Server(
    { name: 'protected', version: '1.0.0' },
    { capabilities: { tools: {}, resources: {} } },
  );
  const common = { ttlMs: 0, cacheScope: 'private' as const };
  const inputSchema = { type: 'object' as const };
  server.setRequestHandler('tools/list', () => ({
    tools: [
      { name: 'whoami', description: 'Says who calls.', inputSchema },
      { name: 'write', description: 'Says who may write.', inputSchema },
    ],
    ...common,
  }));
  server.setRequestHandler('tools/call', () => ({
    content: [{ type: 'text', text: `${payload.sub} by ${payload.client_id}` }],
  }));
  server.setRequestHandler('resources/list', () => ({
    resources: [{ uri: 'me://name', name: `of ${payload.sub}` }],
    ...common,
  }));
  server.setRequestHandler('resources/templates/list', () => ({
    resourceTemplates: [],
    ...common,
  }));
  server.setRequestHandler('resources/read', () => ({
    contents: [{ uri: 'me://name', mimeType: 'text/plain', text: String(payload.sub) }],
    ...{ ttlMs: 60_000, cacheScope: 'private' as const },
  }));
  return server;
}
