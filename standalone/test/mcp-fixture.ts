import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node';
import {
  acceptedContent,
  createMcpHandler,
  inputRequired,
  Server,
  type ServerNotifier,
} from '@modelcontextprotocol/server';

/** An MCP server of revision 2026-07-28 alone, over HTTP, of which tests change what it has. */
export interface McpFixture extends AsyncDisposable {
  readonly url: string;
  readonly notify: ServerNotifier;
  /** The tools besides those that are always there: descriptions by name. */
  readonly tools: Map<string, string>;
  /** The text of `note://today`, and how long it is true. */
  note: { text: string; ttlMs: number };
  reads: number;
  /** The authorization headers that came. */
  readonly authorizations: Set<string>;
}

export async function openMcpFixture(): Promise<McpFixture> {
  const fixture = {
    tools: new Map<string, string>(),
    note: { text: 'first', ttlMs: 60_000 },
    reads: 0,
    authorizations: new Set<string>(),
  };
  const handler = createMcpHandler(() => serverOf(fixture), { legacy: 'reject' });
  const serve = toNodeHandler(handler);
  const http = createServer((request, response) => {
    fixture.authorizations.add(request.headers.authorization ?? '');
    if (request.url === '/away') {
      // To another origin, which is the same server by another name.
      const { port } = http.address() as AddressInfo;
      response.writeHead(307, { location: `http://localhost:${port}/mcp` }).end();
      return;
    }
    void serve(request as NodeIncomingMessageLike, response);
  });
  await new Promise<void>((resolve) => {
    http.listen(0, '127.0.0.1', resolve);
  });
  return Object.assign(fixture, {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    notify: handler.notify,
    async [Symbol.asyncDispose]() {
      await handler.close();
      http.closeAllConnections();
      http.close();
    },
  });
}

type State = Pick<McpFixture, 'tools' | 'note' | 'reads'>;

function serverOf(state: State): Server {
  const capabilities = {
    tools: { listChanged: true },
    resources: { listChanged: true, subscribe: true },
  };
  const server = new Server({ name: 'fixture', version: '1.2.3' }, { capabilities });
  const inputSchema = { type: 'object' as const };
  server.setRequestHandler('tools/list', () => ({
    tools: [
      { name: 'ask', description: 'Asks.', inputSchema },
      ...[...state.tools].map(([name, description]) => ({ name, description, inputSchema })),
    ],
    ttlMs: 0,
    cacheScope: 'private' as const,
  }));
  server.setRequestHandler('tools/call', ({ params }, ctx) => {
    if (params.name !== 'ask') return { content: [{ type: 'text', text: params.name }] };
    const answer = acceptedContent(ctx.mcpReq.inputResponses, 'who') as
      | { who?: string }
      | undefined;
    if (answer) {
      const state = ctx.mcpReq.requestState<string>();
      return { content: [{ type: 'text', text: `${answer.who} ${state}` }] };
    }
    return inputRequired({
      inputRequests: {
        who: inputRequired.elicit({
          message: 'Who?',
          requestedSchema: { type: 'object', properties: { who: { type: 'string' } } },
        }),
      },
      requestState: 'kept',
    });
  });
  server.setRequestHandler('resources/list', () => ({
    resources: [{ uri: 'note://today', name: 'today' }],
    ttlMs: 0,
    cacheScope: 'private' as const,
  }));
  server.setRequestHandler('resources/templates/list', () => ({
    resourceTemplates: [{ uriTemplate: 'note://{day}', name: 'note' }],
    ttlMs: 0,
    cacheScope: 'private' as const,
  }));
  server.setRequestHandler('resources/read', ({ params }) => {
    state.reads += 1;
    return {
      contents: [{ uri: params.uri, mimeType: 'text/plain', text: state.note.text }],
      ttlMs: state.note.ttlMs,
      cacheScope: 'public' as const,
    };
  });
  return server;
}
