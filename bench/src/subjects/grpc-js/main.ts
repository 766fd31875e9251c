import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';
import {
  type FetchContextRequest,
  FetchContextRequestSchema,
  type FetchContextResponse,
  FetchContextResponseSchema,
  RouterService,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import { answerOf } from '../../values.ts';
import { announce, readTask } from '../task.ts';

// @grpc/grpc-js: decodes the request, and encodes an answer that is ready.

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

const fetchContext = {
  path: `/${RouterService.typeName}/${RouterService.method.fetchContext.name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: (request: FetchContextRequest) =>
    bufferOf(toBinary(FetchContextRequestSchema, request)),
  requestDeserialize: (bytes: Buffer) => fromBinary(FetchContextRequestSchema, bytes),
  responseSerialize: (response: FetchContextResponse) =>
    bufferOf(toBinary(FetchContextResponseSchema, response)),
  responseDeserialize: (bytes: Buffer) => fromBinary(FetchContextResponseSchema, bytes),
} as const;

const { refs, valueBytes } = readTask();
const answer = answerOf(refs, valueBytes);
const handle: handleUnaryCall<FetchContextRequest, FetchContextResponse> = (_call, reply) =>
  reply(null, answer);

const server = new Server();
server.addService({ fetchContext }, { fetchContext: handle });
const port = await new Promise<number>((resolve, reject) => {
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
    error ? reject(error) : resolve(bound),
  );
});
announce(port);
