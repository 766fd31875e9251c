import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { describe, expect, it } from 'vitest';
import { refuse } from '../errors.ts';
import { authorization, echoRoutes, openTestServer } from './test-server.ts';

const root = join(import.meta.dirname, '../../..');
const refs = [{ key: 'a' }, { key: 'b' }];

describe('@grpc/grpc-js with stubs loaded from the protos', () => {
  const { weir } = grpc.loadPackageDefinition(
    loadSync('weir/router/v1/router.proto', {
      includeDirs: [join(root, 'proto')],
      defaults: true,
    }),
  ) as unknown as { weir: { router: { v1: { RouterService: new (...args: Opening) => Stub } } } };

  type Opening = [address: string, credentials: grpc.ChannelCredentials];
  type Answer = (error: grpc.ServiceError | null, answer?: { results: unknown[] }) => void;
  interface Stub extends grpc.Client {
    fetchContext(request: object, metadata: grpc.Metadata, answer: Answer): void;
    streamContext(
      request: object,
      metadata: grpc.Metadata,
    ): grpc.ClientReadableStream<{ result: { index: number } }>;
  }

  function open(url: string): Stub {
    const address = url.replace('http://', '');
    return new weir.router.v1.RouterService(address, grpc.credentials.createInsecure());
  }

  function metadata(value: string): grpc.Metadata {
    const headers = new grpc.Metadata();
    headers.set('authorization', value);
    return headers;
  }

  it('calls, streams and is refused', async () => {
    await using server = await openTestServer({
      routes(router) {
        echoRoutes(router);
        router.rpc(RouterService.method.explain, () => {
          throw refuse(Reason.BATCH_EMPTY, 'no ref');
        });
      },
    });
    const client = open(server.url);
    try {
      const unary = (value: string) =>
        new Promise<unknown[] | grpc.ServiceError>((resolve) => {
          client.fetchContext({ refs }, metadata(value), (error, answer) =>
            resolve(error ?? answer?.results ?? []),
          );
        });
      expect(await unary(authorization)).toMatchObject([
        { item: { etag: 'a' } },
        { index: 1, item: { etag: 'b' } },
      ]);
      const refused = await unary('Bearer bad');
      expect(refused).toMatchObject({ code: grpc.status.UNAUTHENTICATED });
      expect(
        String((refused as grpc.ServiceError).metadata.get('grpc-status-details-bin')[0]),
      ).toContain('REASON_CREDENTIAL_INVALID');
      const stream = client.streamContext({ fetch: { refs } }, metadata(authorization));
      expect((await Array.fromAsync(stream)).map(({ result }) => result.index)).toEqual([0, 1]);
    } finally {
      client.close();
    }
  });
});

describe('buf curl, which knows nothing but reflection', () => {
  const buf = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)(join(root, 'node_modules/.bin/buf'), [
      'curl',
      ...args,
    ]);
    return stdout;
  };

  it.each([
    ['gRPC', ['--protocol', 'grpc', '--http2-prior-knowledge']],
    [
      'gRPC with reflection v1alpha',
      ['--protocol', 'grpc', '--http2-prior-knowledge', '--reflect-protocol', 'grpc-v1alpha'],
    ],
    ['gRPC-Web', ['--protocol', 'grpcweb']],
    ['Connect', ['--protocol', 'connect']],
  ])('lists and calls over %s', async (_, options) => {
    await using server = await openTestServer({ routes: echoRoutes });
    expect(await buf(...options, '--list-methods', server.url)).toBe(
      'weir.router.v1.RouterService/Explain\n' +
        'weir.router.v1.RouterService/FetchContext\n' +
        'weir.router.v1.RouterService/ListContext\n' +
        'weir.router.v1.RouterService/StreamContext\n',
    );
    const header = ['--header', `authorization: ${authorization}`];
    const data = ['--data', JSON.stringify({ refs })];
    const url = `${server.url}/weir.router.v1.RouterService/FetchContext`;
    const answer = JSON.parse(await buf(...options, ...header, ...data, url));
    expect(answer.results[1]).toEqual({ index: 1, item: { etag: 'b' } });
  });

  it('shows the details of an error', async () => {
    await using server = await openTestServer({ routes: echoRoutes });
    const url = `${server.url}/weir.router.v1.RouterService/FetchContext`;
    const call = buf('--protocol', 'grpc', '--http2-prior-knowledge', url);
    const refused = expect.objectContaining({
      stderr: expect.stringMatching(/unauthenticated[\s\S]*google\.rpc\.ErrorInfo/),
    });
    await expect(call).rejects.toEqual(refused);
  });
});
