import { createServer, type ServerHttp2Stream } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  Health,
  HealthCheckResponse_ServingStatus,
  HealthCheckResponseSchema,
} from '@weir/sdk/gen/health/v1/health_pb';
import {
  DescribeResponseSchema,
  ProviderService,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { itemType, providerName } from '../../values.ts';
import {
  answerGrpc,
  framed,
  http2Options,
  ignore,
  listen,
  prefixBytes,
  refuseGrpc,
} from '../http2.ts';
import { announce, readTask } from '../task.ts';
import { createAnswerFetch } from './answer-fetch.ts';

// The provider that Weir and the naive router call on a miss: it has every key, and is lean
// enough not to be what is measured.

const { valueBytes, ttlMs } = readTask();
const unimplemented = 12;
const internal = 13;

const version = '1.0.0';
const description = toBinary(
  DescribeResponseSchema,
  create(DescribeResponseSchema, {
    name: providerName,
    version,
    types: [{ type: itemType, version }],
  }),
);
const serving = toBinary(
  HealthCheckResponseSchema,
  create(HealthCheckResponseSchema, { status: HealthCheckResponse_ServingStatus.SERVING }),
);

type Method = (request: Uint8Array) => Uint8Array;

const methods = new Map<string, Method>([
  [
    `/${ProviderService.typeName}/${ProviderService.method.fetch.name}`,
    createAnswerFetch(valueBytes, ttlMs),
  ],
  [`/${ProviderService.typeName}/${ProviderService.method.describe.name}`, () => description],
  [`/${Health.typeName}/${Health.method.check.name}`, () => serving],
]);

function answer(stream: ServerHttp2Stream, method: Method, body: Buffer): void {
  if (body.length < prefixBytes || body[0] !== 0) {
    refuseGrpc(stream, unimplemented, 'compression is not supported');
    return;
  }
  try {
    answerGrpc(stream, framed(method(body.subarray(prefixBytes))));
  } catch (error) {
    refuseGrpc(stream, internal, String(error));
  }
}

const server = createServer(http2Options);
server.on('stream', (stream, { ':path': path = '' }) => {
  stream.on('error', ignore);
  const method = methods.get(path);
  if (!method) {
    stream.resume();
    refuseGrpc(stream, unimplemented, 'there is no such method');
    return;
  }
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.once('end', () => answer(stream, method, Buffer.concat(chunks)));
});
announce(await listen(server));
