import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { CallRequestSchema, FetchRequestSchema } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { middle, table } from './tables.ts';

// What a call costs a provider on the TypeScript SDK, in its lean server and in the RPC library, by turns:
// CPU time of the provider's process for one answer of 1 KB, with 16 under way. Who names a compression
// in the headers is answered by the library.

const rounds = 7;
const calls = 5_000;
const concurrency = 16;
const lanes = { lean: {}, library: { 'grpc-encoding': 'gzip' } } as const;
const messages = {
  Call: toBinary(CallRequestSchema, create(CallRequestSchema, { operation: 'act' })),
  Fetch: toBinary(
    FetchRequestSchema,
    create(FetchRequestSchema, { queries: [{ type: 'Text', typeVersion: '1.0.0', key: 'k' }] }),
  ),
} as const;

const child = fork(join(import.meta.dirname, 'bench-provider/provider.ts'));
const [{ port }] = (await once(child, 'message')) as [{ port: number }];
const session = connect(`http://127.0.0.1:${port}`);
try {
  const rows = [['CPU of a provider per call', 'lean', 'library', 'lean / library']];
  for (const method of ['Fetch', 'Call'] as const) {
    const figures = { lean: [] as number[], library: [] as number[] };
    for (let round = 0; round <= rounds; round += 1) {
      for (const lane of ['lean', 'library'] as const) {
        const before = await cpuUs();
        await load(session, method, lanes[lane]);
        // The first round only warms up.
        if (round > 0) figures[lane].push(((await cpuUs()) - before) / calls);
      }
    }
    const [lean, library] = [middle(figures.lean), middle(figures.library)];
    const shown = [lean, library].map((us) => `${us.toFixed(0)} µs`);
    rows.push([method, ...shown, (lean / library).toFixed(2)]);
  }
  console.log(table(rows));
} finally {
  session.close();
  child.kill();
}

async function cpuUs(): Promise<number> {
  const answered = once(child, 'message');
  child.send('cpu');
  const [{ cpu }] = (await answered) as [{ cpu: number }];
  return cpu;
}

async function load(
  to: ClientHttp2Session,
  method: keyof typeof messages,
  lane: Readonly<Record<string, string>>,
): Promise<void> {
  let left = calls;
  const work = async (): Promise<void> => {
    while (left-- > 0) await call(to, method, lane);
  };
  await Promise.all(Array.from({ length: concurrency }, work));
}

async function call(
  to: ClientHttp2Session,
  method: keyof typeof messages,
  lane: Readonly<Record<string, string>>,
): Promise<void> {
  const stream = to.request({
    ':method': 'POST',
    ':path': `/weir.provider.v1.ProviderService/${method}`,
    'content-type': 'application/grpc+proto',
    'grpc-timeout': '5S',
    te: 'trailers',
    ...lane,
  });
  let status: unknown;
  stream.on('trailers', (trailers) => {
    status = trailers['grpc-status'];
  });
  stream.resume();
  const message = messages[method];
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  stream.end(frame);
  await once(stream, 'close');
  if (status !== '0') throw new Error(`${method} ended with status ${String(status)}`);
}
