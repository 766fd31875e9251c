import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Client, Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { createWebSocketTransport } from '@weir/sdk';
import { ErrorInfoSchema } from '@weir/sdk/gen/google/rpc/error_details_pb';
import { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import {
  type FetchContextRequestSchema,
  RouterService,
} from '@weir/sdk/gen/weir/router/v1/router_pb';

/** What is sent: one of the things that every surface can say, or a call that only RPCs can. */
export type Input =
  | { readonly kind: 'fetch'; readonly request: MessageInitShape<typeof FetchContextRequestSchema> }
  | { readonly kind: 'provider' | 'type' | 'consumer'; readonly document: string }
  | { readonly kind: 'call'; readonly send: (clients: Clients) => Promise<unknown> };

/** The services, as a caller sees them. */
export interface Clients {
  readonly router: Client<typeof RouterService>;
  readonly registry: Client<typeof RegistryService>;
  readonly admin: Client<typeof AdminService>;
}

/** Where to send, and with which key. */
export interface Target {
  readonly url: string;
  readonly key: string;
}

/** How an input was refused. */
export interface Refused {
  readonly code: string;
  readonly reason: string;
  readonly text: string;
  readonly requestId: string;
}

/** No connection is used twice: one that carried too much is ended by the server. */
const nodeOptions = { agent: new Agent({ keepAlive: false }) };
const http1 = { httpVersion: '1.1', nodeOptions } as const;

/** The protocols of RPCs. */
export const protocols: Readonly<Record<string, (baseUrl: string) => Transport>> = {
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
  'gRPC-Web': (baseUrl) => createGrpcWebTransport({ baseUrl, ...http1 }),
  'Connect binary': (baseUrl) => createConnectTransport({ baseUrl, ...http1 }),
  'Connect JSON': (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: false }),
  WebSocket: (url) => createWebSocketTransport({ url }),
};

/** The services over one protocol, called with a key; without one when it is empty. */
export function clientsOver(protocol: string, { url, key }: Target): Clients {
  const open = protocols[protocol];
  if (!open) throw new Error(`no such protocol: ${protocol}`);
  const transport = withKey(open(url), key);
  return {
    router: createClient(RouterService, transport),
    registry: createClient(RegistryService, transport),
    admin: createClient(AdminService, transport),
  };
}

/** Sends an input as an RPC; undefined when it was not refused. */
export async function sendRpc(clients: Clients, input: Input): Promise<Refused | undefined> {
  try {
    await callOf(clients, input);
    return undefined;
  } catch (refused) {
    const error = ConnectError.from(refused);
    const [info] = error.findDetails(ErrorInfoSchema);
    return {
      code: Code[error.code],
      reason: info?.reason ?? '',
      text: error.rawMessage,
      requestId: info?.metadata.request_id ?? '',
    };
  }
}

function callOf(clients: Clients, input: Input): Promise<unknown> {
  switch (input.kind) {
    case 'fetch':
      return clients.router.fetchContext(input.request);
    case 'provider':
      return clients.registry.registerProvider({ source: sourceOf(input.document) });
    case 'type':
      return clients.registry.publishType({ source: sourceOf(input.document) });
    case 'consumer':
      return clients.registry.registerConsumer({ source: sourceOf(input.document) });
    case 'call':
      return input.send(clients);
    default:
      throw new Error(`no such input: ${input satisfies never}`);
  }
}

function sourceOf(value: string) {
  return { case: 'document' as const, value };
}

/** A command line that says the same as an input. */
export interface CommandLine {
  readonly args: readonly string[];
  readonly stdin: string;
}

/** The command line of an input; undefined when no command line can say it. */
export function commandLineOf(input: Input): CommandLine | undefined {
  switch (input.kind) {
    case 'fetch':
      return fetchLine(input.request);
    case 'provider':
    case 'consumer':
      return { args: [input.kind, 'register', '-'], stdin: input.document };
    case 'type':
      return { args: ['type', 'publish', '-'], stdin: input.document };
    case 'call':
      return undefined;
    default:
      throw new Error(`no such input: ${input satisfies never}`);
  }
}

const ARGUMENT_MAX_BYTES = 100_000;
/** More are sent in several calls. */
const REFS_AT_ONCE = 256;

function fetchLine(request: MessageInitShape<typeof FetchContextRequestSchema>) {
  const { refs = [], minQuality, ...others } = request;
  if (Object.keys(others).length > 0 || refs.length > REFS_AT_ONCE) return undefined;
  const names = refs.map(({ type = '', versionRange, key = '' }) =>
    versionRange === undefined ? `${type}/${key}` : `${type}@${versionRange}/${key}`,
  );
  const providers = refs.flatMap(({ provider }) => (provider ? ['--provider', provider] : []));
  const quality = minQuality === undefined ? [] : ['--min-quality', String(minQuality)];
  const args = ['fetch', ...providers, ...quality, '--', ...names];
  // Neither can be an argument of any program.
  if (args.some((one) => one.includes('\0') || one.length > ARGUMENT_MAX_BYTES)) return undefined;
  return { args, stdin: '' };
}

/** What a program came to. */
export interface Ran {
  readonly exitCode: number | null;
  readonly out: string;
  readonly err: string;
}

/** After which a program that does not end is killed. */
const RUN_MAX_MS = 100_000;
const root = join(import.meta.dirname, '../../..');

/** Runs one of the house's programs, given by its main file. */
export async function runMainFile(
  file: string,
  args: readonly string[],
  { env = {}, stdin = '' }: { env?: NodeJS.ProcessEnv; stdin?: string } = {},
): Promise<Ran> {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [join(root, file), ...args], {
    env: { PATH, HOME, ...env },
    timeout: RUN_MAX_MS,
    killSignal: 'SIGKILL',
  });
  // A program that refuses its arguments does not read its input.
  child.stdin.on('error', () => {});
  child.stdin.end(stdin);
  const exit = once(child, 'close') as Promise<[number | null]>;
  const [out, err, [exitCode]] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { exitCode, out, err };
}

/** The transport, with a key on every call. */
function withKey(transport: Transport, key: string): Transport {
  const headersWithKey = (header: ConstructorParameters<typeof Headers>[0]) => {
    const headers = new Headers(header);
    if (key !== '') headers.set('authorization', `Bearer ${key}`);
    return headers;
  };
  return {
    unary: (method, signal, timeoutMs, header, input, values) =>
      transport.unary(method, signal, timeoutMs, headersWithKey(header), input, values),
    stream: (method, signal, timeoutMs, header, input, values) =>
      transport.stream(method, signal, timeoutMs, headersWithKey(header), input, values),
  };
}
