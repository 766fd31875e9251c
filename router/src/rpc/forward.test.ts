import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { ConnectError, createContextValues, type HandlerContext } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { callerKey, createAssertions, reasonOf } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  ListProvidersRequestSchema,
  RegistryService,
} from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { expect, test } from 'vitest';
import { testCaller } from '../../test/entries.ts';
import { forward } from './forward.ts';

async function failureAt(baseUrl: string): Promise<unknown> {
  const transport = createGrpcTransport({ baseUrl });
  const assertions = createAssertions(new Uint8Array(32).fill(7));
  const values = createContextValues().set(callerKey, testCaller());
  const context = {
    values,
    signal: new AbortController().signal,
    timeoutMs: () => 2_000,
  } as unknown as HandlerContext;
  const { listProviders } = forward(RegistryService, { transport, assertions });
  const call = listProviders(create(ListProvidersRequestSchema), context);
  return Promise.resolve(call).then(
    () => undefined,
    (error: unknown) => error,
  );
}

test('whatever is in the way to the registry is told in the same words, without its address', async () => {
  const breaking = createServer();
  breaking.on('stream', (stream) => stream.session?.destroy());
  await new Promise<void>((resolve) => breaking.listen(0, '127.0.0.1', resolve));
  const broken = `http://127.0.0.1:${(breaking.address() as AddressInfo).port}`;
  const speechless = createServer();
  speechless.on('stream', (stream) => stream.respond({ ':status': 404 }, { endStream: true }));
  await new Promise<void>((resolve) => speechless.listen(0, '127.0.0.1', resolve));
  const wrong = `http://127.0.0.1:${(speechless.address() as AddressInfo).port}`;
  // Closed, breaking off, something else.
  const urls = ['http://127.0.0.1:1', broken, wrong];
  for (const url of urls) {
    const error = await failureAt(url);
    const reason =
      error instanceof ConnectError ? reasonOf(error) : (error as { reason?: Reason }).reason;
    expect([url, reason], String(error)).toEqual([url, Reason.REGISTRY_UNAVAILABLE]);
  }
  breaking.close();
  speechless.close();
});
