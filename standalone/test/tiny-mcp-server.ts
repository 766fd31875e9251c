import { createInterface } from 'node:readline';

// An MCP server of the old era in a few lines, for tests that start many: `hang` never answers a call
// or a ping, `silent` answers nothing that it does not know, `exit` ends at the first message.

const [, , behaviour = '', tool = 'say'] = process.argv;
const hangsAt = ['tools/call', 'ping'];

const results: Readonly<Record<string, object>> = {
  initialize: {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'tiny', version: '1.0.0' },
  },
  'tools/list': { tools: [{ name: tool, inputSchema: { type: 'object' } }] },
  'tools/call': { content: [{ type: 'text', text: 'said' }] },
  ping: {},
};

process.stderr.write('tiny has begun\n');
for await (const line of createInterface({ input: process.stdin })) {
  if (behaviour === 'exit') process.exit(3);
  const { id, method } = JSON.parse(line) as { id?: number; method: string };
  if (id === undefined || (behaviour === 'hang' && hangsAt.includes(method))) continue;
  const result = results[method];
  if (!result && behaviour === 'silent') continue;
  const answer = result ? { result } : { error: { code: -32601, message: 'no such method' } };
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...answer })}\n`);
}
