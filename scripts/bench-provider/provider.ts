import { defineContext, defineOperation, defineProvider } from '@weir/sdk/provider';
import { openProviderServer } from '../../sdk/typescript/dist/provider/server.js';

// A provider that answers 1 KB, and tells its CPU time when it is asked; without a Weir.

const text = 'x'.repeat(1_000);
const provider = defineProvider({
  name: 'bench',
  version: '1.0.0',
  contexts: [
    defineContext<unknown>({ type: 'Text', version: '1.0.0', fetch: () => ({ value: { text } }) }),
  ],
  operations: [defineOperation({ name: 'act', call: () => ({ text }) })],
});
const { port } = await openProviderServer(() => provider, {
  host: '127.0.0.1',
  port: 0,
  token: undefined,
  onFault: ({ error }) => console.error(error),
});
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpu: user + system });
});
process.send?.({ port });
