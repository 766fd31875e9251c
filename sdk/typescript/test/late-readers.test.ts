import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connectNodeAdapter, Http2SessionManager } from '@connectrpc/connect-node';
import { createWeir } from '@weir/sdk';
import { AuditService } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { sturdy } from '@weir/sdk/node-sessions';
import { expect, test } from 'vitest';

/** More turns of the event loop than a short answer takes to be whole, and its stream to close. */
async function letItEnd(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 100));
}

async function openServer() {
  const pieces = ['a', 'b', 'c'].map((text) => ({ data: Buffer.from(text) }));
  const server = createServer(
    connectNodeAdapter({
      routes(router) {
        router.service(AuditService, {
          async *exportRecords() {
            yield* pieces;
          },
        });
      },
    }),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]: () => void server.close(),
  };
}

test.each(['grpc', 'grpc-web', 'connect'] as const)(
  'an answer that is whole before it is read is read whole, over %s',
  async (protocol) => {
    using server = await openServer();
    const weir = createWeir({ url: server.url, key: 'k', protocol });
    const stream = weir.audit.exportRecords({});
    await letItEnd();
    const texts: string[] = [];
    for await (const { data } of stream) {
      texts.push(Buffer.from(data).toString());
      await letItEnd();
    }
    expect(texts).toEqual(['a', 'b', 'c']);
    weir.close();
  },
);

test('who stops reading ends the stream, and one that breaks off says so', async () => {
  const server = createServer();
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200 });
    stream.write('some');
    stream.on('error', () => {});
    setImmediate(() => stream.session?.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const manager = new Http2SessionManager(url);
  const stream = await sturdy(manager).request('GET', '/', {}, {});
  stream.on('error', () => {});
  const read = async () => {
    for await (const _ of stream);
  };
  await expect(read()).rejects.toThrow();
  const other = await sturdy(manager).request('GET', '/', {}, {});
  other.on('error', () => {});
  for await (const _ of other) break;
  expect(other.destroyed).toBe(true);
  manager.abort();
  server.close();
});
