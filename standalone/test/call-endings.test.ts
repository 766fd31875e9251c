import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { CallResponseSchema } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { CallToolRequestSchema } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestWeir, type TestWeir, until } from './weir.ts';

// Servers of HTTP/2 take a connection for an attack on which many streams are reset: a call that was
// answered is left to end by itself, however its caller came.

const CALLS = 20;
/** From the result to the end of the call. */
const END_DELAY_MS = 20;

let weir: TestWeir;
/** How each call ended at the provider: 0 as it should, 8 reset by the router. */
const ends: number[] = [];
const stack = new AsyncDisposableStack();

beforeAll(async () => {
  const server = createServer();
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    if (headers[':path']?.endsWith('/Call')) void answer(stream);
    else stream.respond({ ...grpc, 'grpc-status': '12' }, { endStream: true });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.defer(() => void server.close());
  weir = stack.use(await openTestWeir());
  const { port } = server.address() as AddressInfo;
  const document = `name: slow
version: 1.0.0
operations: [{ name: say, description: Says a word. }]
endpoints: [{ url: "http://127.0.0.1:${port}" }]
`;
  await weir.client.registry.registerProvider({ source: { case: 'document', value: document } });
  await until(async () => (await listed()).includes('slow__say'), 'the tool is known');
});

afterAll(() => stack.disposeAsync());

const grpc = { ':status': 200, 'content-type': 'application/grpc+proto' };

async function answer(stream: ServerHttp2Stream): Promise<void> {
  stream.on('close', () => ends.push(stream.rstCode ?? 0));
  const content = { payload: Buffer.from('"word"'), contentType: 'application/json' };
  const result = { case: 'result' as const, value: { content } };
  const message = toBinary(CallResponseSchema, create(CallResponseSchema, { message: result }));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  stream.respond(grpc, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.write(Buffer.concat([prefix, message]));
  await sleep(END_DELAY_MS);
  stream.end();
}

async function listed(): Promise<string[]> {
  const { tools } = await weir.client.tools.listTools({});
  return tools.map(({ name }) => name);
}

const callers: Readonly<Record<string, () => Promise<string>>> = {
  async 'over gRPC'() {
    const request = create(CallToolRequestSchema, { tool: 'slow__say' });
    const kinds: (string | undefined)[] = [];
    for await (const { message } of weir.client.tools.callTool(request)) kinds.push(message.case);
    return kinds.join();
  },
  async 'over MCP'() {
    const response = await fetch(`${weir.weir.url}/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${weir.weir.key}`,
        'content-type': 'application/json',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': 'slow__say',
      },
      body: JSON.stringify({
        ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
        params: {
          name: 'slow__say',
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1.0.0' },
            'io.modelcontextprotocol/clientCapabilities': {},
          },
        },
      }),
    });
    const { result } = (await response.json()) as { result?: { content: unknown } };
    return result ? 'result' : 'none';
  },
};

test.each(Object.entries(callers))('a call %s is left to end by itself', async (_, call) => {
  ends.length = 0;
  const kinds = await Promise.all(Array.from({ length: CALLS }, call));
  expect(kinds).toEqual(Array.from({ length: CALLS }, () => 'result'));
  await until(() => ends.length === CALLS, 'all calls have ended');
  expect(ends).toEqual(Array.from({ length: CALLS }, () => 0));
});
