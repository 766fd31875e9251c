import { randomBytes } from 'node:crypto';
import type { LookupAddress } from 'node:dns';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Http2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { ConnectError, type Interceptor } from '@connectrpc/connect';
import { connectNodeAdapter, createGrpcTransport } from '@connectrpc/connect-node';
import { createLogger, createMetrics, createOutboundGuard, type Metrics } from '@weir/kit';
import { openRegistry, readRegistryConfig } from '@weir/registry';
import { openRouter, type Router, readRouterConfig } from '@weir/router';
import { createWeir, type Weir } from '@weir/sdk';
import {
  ContentSchema,
  type FetchRequest,
  ProviderService,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { type Answer, type Sent, sendBytes, type WireName } from '../bad-input/wire.ts';
import { openOtlpReceiver } from '../otlp-receiver.ts';
import { embeddedDump, openFolder } from '../weir.ts';
import { type CanaryListener, type Evidence, mintCanary, openCanaryListener } from './canary.ts';

/** Registry and router as in production, watched on all sides. */
export interface World extends AsyncDisposable {
  readonly url: string;
  readonly registryUrl: string;
  readonly router: Router;
  readonly folder: string;
  /** The administrator's key, and a client with it. */
  readonly adminKey: string;
  readonly admin: Weir;
  readonly canary: CanaryListener;
  /** What may show nowhere: add what a test sends in secret. */
  readonly secrets: Set<string>;
  /** What was asked of the good provider, with the headers of its calls. */
  readonly asked: readonly { readonly request: FetchRequest; readonly headers: Headers }[];
  /** Where the good provider is; it is the one address that may be called. */
  readonly providerUrl: string;
  /** Ends the connections of the good provider; it takes new ones. */
  restartProvider(): void;
  /** A client with a key, or with none. */
  as(key: string | undefined, url?: string): Weir;
  /** Another tenant. */
  newTenant(name: string): Promise<{ readonly key: string; readonly client: Weir }>;
  /** Publishes a type and registers the good provider for it, in the tenant of a client. */
  introduce(by: Weir, name: string, more?: string): Promise<string>;
  /** Sends bytes. */
  send(name: WireName, sent: Sent, key?: string): Promise<Answer>;
  /** Ends all, and returns whatever was written, sent or told meanwhile. */
  close(): Promise<readonly Evidence[]>;
}

/** How a world differs. */
export interface WorldOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Finds the addresses of names. Default: as the system does. */
  readonly resolve?: (host: string) => Promise<readonly LookupAddress[]>;
}

/** An address that is allowed; others of this machine are not. */
export const ALLOWED_HOST = '127.0.0.2';
const READY_MAX_MS = 20_000;
/** Files in which secrets are kept on purpose. */
const KEY_FILES: ReadonlySet<string> = new Set(['admin.key', 'service.key', 'secrets']);

/** Opens a world. */
export async function openWorld({ env = {}, resolve }: WorldOptions = {}): Promise<World> {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await openFolder()).path;
  const canary = stack.use(await openCanaryListener());
  const traces = stack.use(await openOtlpReceiver());
  const provider = stack.use(await openGoodProvider());
  const secrets = new Set<string>();
  const told: string[] = [];
  const newSecret = () => {
    const secret = mintCanary();
    secrets.add(secret);
    return secret;
  };
  const serviceSecret = join(folder, 'service.key');
  writeFileSync(serviceSecret, `${randomBytes(32).toString('hex')}${newSecret()}`, { mode: 0o600 });
  writeFileSync(join(folder, 'secrets'), `docs-token=${newSecret()}\n`, { mode: 0o600 });
  const logOf = (name: string) =>
    createLogger({ name, level: 'trace', destination: { file: join(folder, `${name}.log`) } });
  const shared = {
    WEIR_SERVICE_SECRET_FILE: serviceSecret,
    WEIR_OUTBOUND_ALLOW: ALLOWED_HOST,
    WEIR_TRACES_URL: traces.url,
    WEIR_TRACES_SAMPLE: '1',
    WEIR_LOG_LEVEL: 'trace',
    ...env,
  };
  const metrics = { registry: createMetrics('registry'), router: createMetrics('router') };
  const depsOf = (name: string, counted: Metrics) => {
    const log = logOf(name);
    const outbound = createOutboundGuard({
      ...{ allow: [ALLOWED_HOST], log, metrics: counted },
      ...(resolve && { resolve }),
    });
    return { log, metrics: counted, outbound };
  };
  const parts = new AsyncDisposableStack();
  const registry = parts.use(
    await openRegistry(
      {
        ...readRegistryConfig({
          ...shared,
          WEIR_REGISTRY_PORT: '0',
          WEIR_DATA_DIR: join(folder, 'registry'),
        }),
        pgliteDump: await embeddedDump(),
      },
      depsOf('registry', metrics.registry),
    ),
  );
  const router = parts.use(
    await openRouter(
      readRouterConfig({
        ...shared,
        WEIR_PORT: '0',
        WEIR_OPS_PORT: '0',
        WEIR_REGISTRY_URL: registry.url,
        WEIR_DATA_DIR: join(folder, 'router'),
        WEIR_SECRETS_FILE: join(folder, 'secrets'),
      }),
      depsOf('router', metrics.router),
    ),
  );
  await router.ready(AbortSignal.timeout(READY_MAX_MS));
  const adminKey = registry.adminKey ?? '';
  secrets.add(secretOf(adminKey));

  const as = (key: string | undefined, url = router.url): Weir => {
    const transport = createGrpcTransport({ baseUrl: url, interceptors: [noting(told, key)] });
    const client = createWeir({ url, key: key ?? 'none', retries: 0, transport });
    parts.defer(() => client.close());
    return client;
  };
  const admin = as(adminKey);
  let texts: Promise<readonly Evidence[]> | undefined;
  const end = async (): Promise<readonly Evidence[]> => {
    const measured = await Promise.all(
      Object.entries(metrics).map(async ([name, one]) => ({
        where: `metrics of the ${name}`,
        text: await one.text(),
      })),
    );
    await parts.disposeAsync();
    return [
      ...measured,
      { where: 'traces', text: traces.raw },
      { where: 'errors', text: told.join('\n') },
      ...filesIn(folder),
    ];
  };
  const close = () => {
    texts ??= end();
    return texts;
  };

  return {
    url: router.url,
    registryUrl: registry.url,
    providerUrl: provider.url,
    asked: provider.asked,
    restartProvider: provider.restart,
    ...{ router, folder, adminKey, admin, canary, secrets, as, close },
    async newTenant(name) {
      const { secret, consistencyToken } = await admin.admin.createTenant({ name });
      secrets.add(secretOf(secret));
      const client = as(secret);
      await admin.fetch(['DocChunk/none'], { consistencyToken });
      return { key: secret, client };
    },
    async introduce(by, name, more = '') {
      const type = name.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
      const schema = `name: ${type}\nversion: 1.0.0\nschema: {}\n`;
      await by.registry.publishType({ source: { case: 'document', value: schema } });
      const document = `name: ${name}\nversion: 1.0.0\nendpoints: [{ url: "${provider.url}" }]\n${more}\ncontexts: [{ type: ${type}, version: 1.0.0, ttl: 1m, listable: true }]\n`;
      const { consistencyToken } = await by.registry.registerProvider({
        source: { case: 'document', value: document },
      });
      await by.fetch(['DocChunk/none'], { consistencyToken });
      return type;
    },
    async send(name, sent, key = adminKey) {
      const answer = await sendBytes({ url: router.url, key }, name, sent);
      told.push(answer.text, answer.body.toString());
      return answer;
    },
    async [Symbol.asyncDispose]() {
      await close();
      await stack.disposeAsync();
    },
  };
}

/** The part of a key that nobody may see again. */
export function secretOf(key: string): string {
  return key.split('_').slice(2).join('_');
}

/** Sends the key that it is given, and keeps what callers are told of errors. */
function noting(told: string[], key: string | undefined): Interceptor {
  return (next) => async (request) => {
    if (key === undefined) request.header.delete('authorization');
    else request.header.set('authorization', `Bearer ${key}`);
    try {
      const response = await next(request);
      // What the others answer may hold new keys.
      const isRouters = request.service.typeName === RouterService.typeName;
      if (isRouters && !response.stream) told.push(JSON.stringify(response.message, asText));
      return response;
    } catch (error) {
      const { rawMessage, details, metadata } = ConnectError.from(error);
      told.push(rawMessage, JSON.stringify(details), JSON.stringify([...metadata]));
      throw error;
    }
  };
}

/** Values themselves are what was asked for. */
function asText(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}`;
  return value instanceof Uint8Array ? '' : value;
}

/** A provider whose every value tells which tenant it was made for. */
async function openGoodProvider() {
  const asked: { request: FetchRequest; headers: Headers }[] = [];
  const sessions = new Set<Http2Session>();
  const server = createServer(
    connectNodeAdapter({
      routes: (router) =>
        router.service(ProviderService, {
          async *fetch(request, { requestHeader }) {
            asked.push({ request, headers: requestHeader });
            for (const [index, { key }] of request.queries.entries()) {
              const payload = Buffer.from(
                JSON.stringify({ key, tenant: request.caller?.tenant ?? '' }),
              );
              const value = create(ContentSchema, { payload });
              yield { results: [{ index, outcome: { case: 'content' as const, value } }] };
            }
          },
          list: () => ({ entries: [{ key: 'one' }, { key: 'two' }, { key: 'three' }] }),
        }),
    }),
  );
  server.on('session', (session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, ALLOWED_HOST, resolve));
  return {
    url: `http://${ALLOWED_HOST}:${(server.address() as AddressInfo).port}`,
    asked,
    restart() {
      for (const session of sessions) session.destroy();
      sessions.clear();
    },
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function filesIn(folder: string): Evidence[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !KEY_FILES.has(entry.name))
    .map(({ parentPath, name }) => {
      const where = join(parentPath, name);
      return { where, text: readFileSync(where, 'latin1') };
    });
}
