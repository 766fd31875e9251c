import { create, createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Code, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { ServerReflection } from '@weir/sdk/gen/grpc/reflection/v1/reflection_pb';
import { expect, it } from 'vitest';
import { echoRoutes, openTestServer, type TestServer } from './test-server.ts';

type Asked =
  | 'fileByFilename'
  | 'fileContainingSymbol'
  | 'listServices'
  | 'allExtensionNumbersOfType';

async function ask(server: TestServer, messageRequest: { case: Asked; value: string }) {
  const baseUrl = server.url;
  const client = createClient(ServerReflection, createGrpcTransport({ baseUrl }));
  async function* requests() {
    yield { host: 'h', messageRequest };
  }
  const [answer] = await Array.fromAsync(client.serverReflectionInfo(requests()));
  expect(answer).toMatchObject({ validHost: 'h', originalRequest: { messageRequest } });
  return answer?.messageResponse;
}

it.each([
  'weir.router.v1.RouterService',
  'weir.router.v1.RouterService.FetchContext',
  'weir.router.v1.FetchContextRequest',
  'weir.router.v1.FetchContextRequest.refs',
])('serves the file of %s with all that it needs', async (value) => {
  await using server = await openTestServer({ routes: echoRoutes });
  const answer = await ask(server, { case: 'fileContainingSymbol', value });
  if (answer?.case !== 'fileDescriptorResponse') throw new Error(`got ${answer?.case}`);
  const file = answer.value.fileDescriptorProto
    .map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes))
    .toReversed();
  expect(file.at(-1)?.name).toBe('weir/router/v1/router.proto');
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file }));
  expect(registry.getService('weir.router.v1.RouterService')?.methods).toHaveLength(4);
});

it('serves files by name, error details too, and says what it does not have', async () => {
  await using server = await openTestServer({ routes: echoRoutes });
  const files = [
    'weir/context/v1/context.proto',
    'google/protobuf/duration.proto',
    'google/rpc/error_details.proto',
  ];
  for (const value of files) {
    const answer = await ask(server, { case: 'fileByFilename', value });
    expect(answer?.case, value).toBe('fileDescriptorResponse');
  }
  const refused = { case: 'errorResponse', value: { errorCode: Code.NotFound } };
  for (const value of ['nothing.proto', '', '../secret']) {
    expect(await ask(server, { case: 'fileByFilename', value })).toMatchObject(refused);
    expect(await ask(server, { case: 'fileContainingSymbol', value })).toMatchObject(refused);
  }
  const extensions = { case: 'allExtensionNumbersOfType', value: 'x' } as const;
  expect(await ask(server, extensions)).toMatchObject(refused);
});

it('lists the services', async () => {
  await using server = await openTestServer({ routes: echoRoutes });
  expect(await ask(server, { case: 'listServices', value: '' })).toMatchObject({
    value: { service: [{ name: 'weir.router.v1.RouterService' }] },
  });
});

it('ends its streams when the server drains', async () => {
  await using server = await openTestServer({ routes: echoRoutes });
  const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: server.url }));
  const never = new Promise<void>(() => undefined);
  async function* requests() {
    yield { messageRequest: { case: 'listServices' as const, value: '' } };
    await never;
  }
  const answers = client.serverReflectionInfo(requests())[Symbol.asyncIterator]();
  expect((await answers.next()).done).toBe(false);
  const drained = server.drain(10_000);
  expect((await answers.next()).done).toBe(true);
  await drained;
});
