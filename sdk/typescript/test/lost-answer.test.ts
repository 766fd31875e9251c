import { constants, createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Code } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { expect, test } from 'vitest';
import { RouterService } from '../src/gen/weir/router/v1/router_pb.ts';
import { createWeir, WeirCallError } from '../src/index.ts';

type Loss = (stream: ServerHttp2Stream) => void;

const refused: Loss = (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM);
const cutOff: Loss = (stream) => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' });
  stream.end();
};

/** A server that loses the first answers, as a gateway whose server is gone. */
async function openLosing(lose: Loss, times: number) {
  const serve = connectNodeAdapter({
    routes: (router) => router.service(RouterService, { listContext: () => ({}) }),
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
  ['an answer without a status', cutOff],
])('after %s a safe call is made again', async (_, lose) => {
  await using server = await openLosing(lose, 2);
  const weir = createWeir({ url: server.url, key: 'weir_a_b' });
  expect((await weir.listPage({})).entries).toEqual([]);
  expect(server.lost()).toBe(2);
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
