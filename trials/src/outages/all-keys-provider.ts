import type { ServerHttp2Stream } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import { fromBinary } from '@bufbuild/protobuf';
import { FetchRequestSchema } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import {
  answerHeaders,
  envelope,
  openWireProvider,
  type WireProvider,
} from '../promises/bad-subject.ts';

const PREFIX_BYTES = 5;

/** Opens a provider that has every key. */
export async function openAllKeysProvider(): Promise<WireProvider> {
  return await openWireProvider((stream) => void answerAll(stream).catch(() => stream.close()));
}

async function answerAll(stream: ServerHttp2Stream): Promise<void> {
  const { queries } = fromBinary(FetchRequestSchema, (await buffer(stream)).subarray(PREFIX_BYTES));
  stream.respond(answerHeaders, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  const results = queries.map(({ key }, index) => {
    const payload = Buffer.from(JSON.stringify({ key }));
    return { index, outcome: { case: 'content' as const, value: { payload } } };
  });
  stream.end(envelope({ results }));
}
