import { constants, createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Code } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { expect, test } from 'vitest';
import { EventService } from '../src/gen/weir/events/v1/events_pb.ts';
import { RouterService } from '../src/gen/weir/router/v1/router_pb.ts';
import { createWeir, WeirCallError } from '../src/index.ts';

type Loss = (stream: ServerHttp2Stream) => void;

const refused: Loss = (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM);
const calmed: Loss = (stream) => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
const calmedAmidst: Loss = (stream) => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' });
  stream.write(Buffer.alloc(5));
  setTimeout(() => calmed(stream), 50);
};
const cutOff: Loss = (stream) => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' });
  stream.end();
};

/** A server that loses the first answers, as a gateway whose server is gone. */
async function openLosing(lose: Loss, times: number) {
  const serve = connectNodeAdapter({
    routes(router) {
      router.service(RouterService, { listContext: () => ({}) });
      router.service(EventService, {
        async *subscribe() {
          yield { events: [{ position: 1n, event: { topic: 'page.updated' } }], cursor: 'c1' };
        },
      });
    },
  });
  let lost = 0;
  const server = createServer((request, response) => {
    if (lost === times) return serve(request, response);
    lost += 1;
    lose(request.stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    lost: () => lost,
    [Symbol.asyncDispose]: async () => void server.close(),
  };
}

test.each([
  ['a stream that was refused', refused],
  ['a stream that was cut, for nobody read it', calmed],
  ['an answer without a status', cutOff],
])('after %s a safe call is made again', async (_, lose) => {
  await using server = await openLosing(lose, 2);
  const weir = createWeir({ url: server.url, key: 'weir_a_b' });
  expect((await weir.listPage({})).entries).toEqual([]);
  expect(server.lost()).toBe(2);
  weir.close();
});

test.each([
  ['before it began', calmed],
  ['while it lasted', calmedAmidst],
])('a subscription that was cut %s, for nobody read it, goes on', async (_, lose) => {
  await using server = await openLosing(lose, 1);
  const weir = createWeir({ url: server.url, key: 'weir_a_b' });
  const breaks: WeirCallError[] = [];
  for await (const event of weir.subscribe('*', { onBreak: (error) => breaks.push(error) })) {
    expect(event.topic).toBe('page.updated');
    break;
  }
  expect(breaks.map(({ code }) => code)).toEqual([Code.Unavailable]);
  weir.close();
});

test('a call that changes something is not made again', async () => {
  await using server = await openLosing(cutOff, Number.POSITIVE_INFINITY);
  const weir = createWeir({ url: server.url, key: 'weir_a_b' });
  const error = await weir.admin.createKey({ principal: 'p' }).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(WeirCallError);
  expect((error as WeirCallError).code).toBe(Code.Unavailable);
  expect(server.lost()).toBe(1);
  weir.close();
});
