import { randomUUID } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node';
import { createFixtureServer } from './fixture-server.ts';

/** The fixture over HTTP with sessions, as servers of 2025-11-25 and before are. */
export interface LegacyFixture extends AsyncDisposable {
  readonly url: string;
}

/** Opens it on a port of its own. */
export async function openLegacyFixture(): Promise<LegacyFixture> {
  const sessions = new Map<string, NodeStreamableHTTPServerTransport>();
  const http = createServer((request, response) => {
    const id = request.headers['mcp-session-id'];
    const known = typeof id === 'string' ? sessions.get(id) : undefined;
    if (typeof id === 'string' && !known) return void response.writeHead(404).end();
    const transport = known ? Promise.resolve(known) : begin();
    transport.then((found) => found.handleRequest(request, response)).catch(failed(response));
  });

  /** A session has a server of its own. */
  async function begin(): Promise<NodeStreamableHTTPServerTransport> {
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    await createFixtureServer().connect(transport);
    return transport;
  }

  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    async [Symbol.asyncDispose]() {
      await Promise.all([...sessions.values()].map((transport) => transport.close()));
      http.closeAllConnections();
      http.close();
    },
  };
}

function failed(response: ServerResponse) {
  return (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    response.destroy();
  };
}
