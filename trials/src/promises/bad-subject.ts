import { readFile } from 'node:fs/promises';
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer as createTcp } from 'node:net';
import { join } from 'node:path';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type Client, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { createWeir } from '@weir/sdk';
import { FetchResponseSchema } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { openFolder, startWeir, type WeirProcess } from '../load/weir-process.ts';

/** Weir in a process of its own, to which providers are introduced. */
export interface Subject extends AsyncDisposable {
  readonly weir: WeirProcess;
  readonly router: Client<typeof RouterService>;
  /**
   * Registers a provider with a type of its own, and waits until the router knows it. `manifest`
   * and `context` are lines of its manifest.
   */
  introduce(url: string, manifest?: string, context?: string): Promise<string>;
}

/** Starts Weir whole. */
export async function openSubject(): Promise<Subject> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await openFolder());
  const port = await freePort();
  const env = {
    WEIR_DATA_DIR: folder.path,
    WEIR_PORT: String(port),
    WEIR_OPS_PORT: String(await freePort()),
  };
  const isUp = (welcome: string) => welcome.includes('Weir is up');
  const weir = stack.use(await startWeir('standalone/src/main.ts', env, isUp));
  const url = `http://127.0.0.1:${port}`;
  const key = (await readFile(join(folder.path, 'admin.key'), 'utf8')).trim();
  const client = createWeir({ url, key });
  stack.defer(() => client.close());
  const owned = stack.move();
  let providers = 0;
  return {
    weir,
    router: openRouterClient(url, key),
    async introduce(providerUrl, manifest = '', context = '') {
      const name = `trial${++providers}`;
      const type = `Trial${providers}`;
      const schema = `name: ${type}\nversion: 1.0.0\nschema: {}\n`;
      await client.registry.publishType({ source: { case: 'document', value: schema } });
      const value = `name: ${name}\nversion: 1.0.0\nendpoints: [{ url: "${providerUrl}" }]\n${manifest}\ncontexts: [{ type: ${type}, version: 1.0.0, scope: none${context} }]\n`;
      const source = { case: 'document' as const, value };
      const { consistencyToken } = await client.registry.registerProvider({ source });
      await client.router.fetchContext({
        refs: [{ type: 'SQLSchema', key: 'weir' }],
        consistencyToken,
      });
      return type;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function openRouterClient(baseUrl: string, key: string): Client<typeof RouterService> {
  const transport = createGrpcTransport({
    baseUrl,
    readMaxBytes: 16 * 1024 * 1024,
    interceptors: [
      (next) => (request) => {
        request.header.set('authorization', `Bearer ${key}`);
        return next(request);
      },
    ],
  });
  return createClient(RouterService, transport);
}

/** A provider without a library between it and the wire. */
export interface WireProvider extends AsyncDisposable {
  readonly url: string;
}

const fetchPath = '/weir.provider.v1.ProviderService/Fetch';

/** Opens a provider that does as it is told with each fetch. */
export async function openWireProvider(
  answer: (stream: ServerHttp2Stream, timeoutMs: number) => void,
): Promise<WireProvider> {
  const server = createHttp2();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    // Health is not served, which counts as well.
    if (headers[':path'] !== fetchPath) endWith(stream, '12');
    else answer(stream, Number.parseInt(String(headers['grpc-timeout']), 10));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The headers that an answer begins with. */
export const answerHeaders = { ':status': 200, 'content-type': 'application/grpc+proto' };

/** Ends a call with a status alone. */
export function endWith(stream: ServerHttp2Stream, status: string): void {
  stream.respond({ ...answerHeaders, 'grpc-status': status }, { endStream: true });
}

/** Answers one query with a value of so many bytes. */
export function answerOne(stream: ServerHttp2Stream, bytes = 1024): void {
  stream.respond(answerHeaders, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  const payload = Buffer.alloc(bytes, 32);
  stream.end(envelope({ results: [{ outcome: { case: 'content', value: { payload } } }] }));
}

/** A message with its prefix. */
export function envelope(response: MessageInitShape<typeof FetchResponseSchema>): Buffer {
  const message = toBinary(FetchResponseSchema, create(FetchResponseSchema, response));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Sends a message up to so many times, as fast as it is taken. */
export function sendTimes(stream: ServerHttp2Stream, message: Buffer, times: number): void {
  let left = times;
  const more = () => {
    while (left > 0 && !stream.destroyed) {
      left--;
      if (!stream.write(message)) return;
    }
    if (left === 0) stream.end();
  };
  stream.on('drain', more);
  more();
}

async function freePort(): Promise<number> {
  const server = createTcp();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
