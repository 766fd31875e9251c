import {
  Client,
  type ClientCapabilities,
  type LoggingLevel,
  type McpSubscription,
  type Prompt,
  type ResourceTemplateType as ResourceTemplate,
  type ServerCapabilities,
  StreamableHTTPClientTransport,
  type Tool,
  type Transport,
} from '@modelcontextprotocol/client';
import { type OutboundGuard, type SecretSource, weirVersion } from '@weir/kit';
import type { InputKind } from '@weir/sdk/provider';
import { openGuardedFetch } from './guarded-fetch.ts';
import { type Grant, withGrant } from './oauth/authorized-fetch.ts';
import { revealed } from './oauth/client-identity.ts';
import { createStdioTransport } from './stdio-transport.ts';
import type { HttpConfig, StdioConfig, UpstreamConfig } from './upstream-config.ts';

/** Which of the two protocols a server speaks: stateless since 2026-07-28, with sessions before. */
export type Era = 'modern' | 'legacy';

/** What connecting needs. */
export interface SessionDeps {
  readonly outbound: OutboundGuard;
  readonly secrets: SecretSource;
  /** Is told what a process writes on standard error. */
  readonly onLine: (line: string) => void;
  /** Gives tokens to a server over HTTP. Undefined: it has the one of the file, or none. */
  readonly grant: Grant | undefined;
}

/** What a server says of itself and what it has. */
export interface Catalogue {
  readonly tools: readonly Tool[];
  readonly prompts: readonly Prompt[];
  readonly templates: readonly ResourceTemplate[];
  readonly hasResources: boolean;
}

/** A connection to an upstream. */
export interface Session extends AsyncDisposable {
  readonly client: Client;
  readonly era: Era;
  readonly capabilities: ServerCapabilities;
  /** Resolves once the connection has ended, whoever ended it. */
  readonly closed: Promise<void>;
  isClosed(): boolean;
}

/** How a session is opened. */
export interface SessionOptions {
  /** The era that was found before. Undefined: find out. */
  readonly era: Era | undefined;
  /** What a server of the old era is told that it may ask in all its calls. */
  readonly canAsk: readonly InputKind[];
  readonly signal: AbortSignal;
  /** Sets handlers before anything comes. */
  readonly prepare: (client: Client) => void;
}

/** The greatest message read of an upstream. */
const messageMaxBytes = 16 * 1024 * 1024;
/** `npx` may have to fetch the server first. */
const connectTimeoutMs = 60_000;
const probeTimeoutMs = 10_000;
const listTimeoutMs = 20_000;
const pagesMax = 64;

/** What the connector can pass on to callers. */
export const askable: readonly InputKind[] = ['form', 'url', 'sampling', 'roots'];

/** Connects to an upstream, in the era that it speaks. */
export async function openSession(
  { transport: config }: UpstreamConfig,
  deps: SessionDeps,
  { era, canAsk, signal, prepare }: SessionOptions,
): Promise<Session> {
  await using stack = new AsyncDisposableStack();
  const transport = config.kind === 'stdio' ? stdioOf(config, deps) : httpOf(config, deps, stack);
  const client = new Client(
    { name: 'weir', title: 'Weir', version: weirVersion },
    {
      capabilities: capabilitiesOf(canAsk, ours),
      versionNegotiation: { mode: 'auto', probe: { timeoutMs: probeTimeoutMs } },
      inputRequired: { autoFulfill: false },
      listMaxPages: pagesMax,
    },
  );
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>();
  let isClosed = false;
  client.onclose = () => {
    isClosed = true;
    onClosed();
  };
  // What ends the connection is told by its end; all else the peer must live with.
  client.onerror = () => {};
  prepare(client);
  stack.defer(() => client.close());
  const onAbort = () => void transport.close();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    await client.connect(transport, {
      timeout: connectTimeoutMs,
      signal,
      ...(era === 'legacy' && { prior: { kind: 'legacy' } }),
    });
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  const owned = stack.move();
  return {
    client,
    era: client.getProtocolEra() === 'modern' ? 'modern' : 'legacy',
    capabilities: client.getServerCapabilities() ?? {},
    closed,
    isClosed: () => isClosed,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** What a client can do of what it can be asked. */
interface Capabilities {
  readonly form?: NonNullable<ClientCapabilities['elicitation']>['form'];
  readonly sampling?: ClientCapabilities['sampling'];
}

const ours: Capabilities = {
  form: { applyDefaults: true },
  sampling: { tools: {}, context: {} },
};

/** What can be asked, as the protocol declares it. */
export function capabilitiesOf(
  canAsk: readonly InputKind[],
  { form: how = {}, sampling = {} }: Capabilities = {},
): ClientCapabilities {
  const form = canAsk.includes('form') && { form: how };
  const url = canAsk.includes('url') && { url: {} };
  return {
    ...((form || url) && { elicitation: { ...form, ...url } }),
    ...(canAsk.includes('sampling') && { sampling }),
    ...(canAsk.includes('roots') && { roots: {} }),
  };
}

/** Lists all that a server has but its resources, of which there may be many. */
export async function readCatalogue(
  { client, capabilities }: Session,
  signal: AbortSignal,
): Promise<Catalogue> {
  const options = { cacheMode: 'bypass', timeout: listTimeoutMs, signal } as const;
  const { tools, prompts, resources } = capabilities;
  const [listedTools, listedPrompts, listedTemplates] = await Promise.all([
    tools ? client.listTools(undefined, options) : { tools: [] },
    prompts ? client.listPrompts(undefined, options) : { prompts: [] },
    resources ? client.listResourceTemplates(undefined, options) : { resourceTemplates: [] },
  ]);
  return {
    tools: listedTools.tools,
    prompts: listedPrompts.prompts,
    templates: listedTemplates.resourceTemplates,
    hasResources: resources !== undefined,
  };
}

/** Hears of changes from a modern server; older ones tell of their own accord. */
export function listen(
  { client, capabilities }: Session,
  uris: readonly string[],
): Promise<McpSubscription> {
  const { tools, prompts, resources } = capabilities;
  return client.listen({
    ...(tools?.listChanged && { toolsListChanged: true }),
    ...(prompts?.listChanged && { promptsListChanged: true }),
    ...(resources?.listChanged && { resourcesListChanged: true }),
    ...(uris.length > 0 && { resourceSubscriptions: [...uris] }),
  });
}

/** The severities, least first. */
export const levels: readonly LoggingLevel[] = [
  ...(['debug', 'info', 'notice', 'warning'] as const),
  ...(['error', 'critical', 'alert', 'emergency'] as const),
];

function stdioOf(config: StdioConfig, { secrets, onLine }: SessionDeps): Transport {
  const { command, args, cwd } = config;
  const env = Object.fromEntries(
    Object.entries(config.env).map(([name, text]) => [name, meant(text, secrets)]),
  );
  return createStdioTransport({ command, args, env, cwd, messageMaxBytes, onLine });
}

function httpOf(
  { url, bearer }: HttpConfig,
  { outbound, secrets, grant }: SessionDeps,
  stack: AsyncDisposableStack,
): Transport {
  const target = new URL(url);
  const { fetch } = stack.use(openGuardedFetch(outbound, target, messageMaxBytes));
  const token = bearer === '' ? undefined : revealed(bearer, secrets);
  return new StreamableHTTPClientTransport(target, {
    fetch: grant ? withGrant(fetch, grant) : fetch,
    ...(token !== undefined && { requestInit: { headers: { authorization: `Bearer ${token}` } } }),
  });
}

function meant(text: string, secrets: SecretSource): string {
  return text.startsWith('secret://') ? revealed(text, secrets) : text;
}
