import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, createRouterTransport } from '@connectrpc/connect';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ItemResultSchema } from '../src/gen/weir/context/v1/context_pb.ts';
import { RouterService } from '../src/gen/weir/router/v1/router_pb.ts';
import { createWeir } from '../src/index.ts';

const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);
beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(() => {
  process.off('unhandledRejection', note);
});

const turns = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** A Weir whose streams bring so many items, or links that lead nowhere, and then fail. */
function failingAfter(count: number, body: { case: 'payload' | 'url' }) {
  const bodyOf = () =>
    body.case === 'url'
      ? ({ case: 'url', value: 'http://192.0.2.1/value' } as const)
      : ({ case: 'payload', value: Buffer.from('1') } as const);
  const transport = createRouterTransport((router) =>
    router.service(RouterService, {
      async *streamContext() {
        for (let index = 0; index < count; index++) {
          const value = { body: bodyOf(), contentType: 'application/json', sizeBytes: 9n };
          yield { result: create(ItemResultSchema, { index, outcome: { case: 'item', value } }) };
        }
        throw new ConnectError('no more', Code.PermissionDenied);
      },
    }),
  );
  return createWeir({ url: 'http://192.0.2.1', key: 'weir_secret', transport, timeoutMs: 500 });
}

const refs = ['N/a', 'N/b', 'N/c', 'N/d', 'N/e'];

test('a stream that fails while its reader is busy fails in the loop, and nowhere else', async () => {
  const got: number[] = [];
  const reading = async () => {
    for await (const { index } of failingAfter(1, { case: 'payload' }).stream(refs)) {
      got.push(index);
      await turns();
    }
  };
  await expect(reading()).rejects.toMatchObject({ code: Code.PermissionDenied });
  expect(got).toEqual([0]);
  expect(unhandled).toEqual([]);
});

test('a stream that fails while links are followed fails in the loop, and nowhere else', async () => {
  const reading = async () => {
    for await (const _ of failingAfter(4, { case: 'url' }).stream(refs));
  };
  await expect(reading()).rejects.toMatchObject({ code: Code.PermissionDenied });
  expect(unhandled).toEqual([]);
});
