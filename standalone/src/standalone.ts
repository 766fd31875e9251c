import { rm } from 'node:fs/promises';
import {
  createLogger,
  createMetrics,
  ensureFolder,
  ensureServiceSecret,
  joinExpositions,
  type Metrics,
  readSecretFile,
  requireFolder,
} from '@weir/kit';
// The registry itself is loaded in its own thread only.
import { registryDefaults } from '@weir/registry/config';
import { openRouter, type Router } from '@weir/router';
import { cacheFolder } from './cache-folder.ts';
import { dataFiles, type StandaloneConfig } from './config.ts';
import { ownKey } from './own-keys.ts';
import { readyMadeNames, serveReadyMade } from './providers.ts';
import { type LoadingThread, loadRegistryThread, type RegistryThread } from './registry-thread.ts';
import { serveUpstreams } from './upstreams.ts';

/** Weir in one process: registry, router and the ready-made providers. */
export interface Standalone extends AsyncDisposable {
  /** Where callers reach it. */
  readonly url: string;
  /** The port of /healthz, /readyz and /metrics. */
  readonly opsPort: number;
  /** The administrator's key. */
  readonly key: string;
  /** Whether this start created that key. */
  readonly firstStart: boolean;
  readonly router: Router;
}

/** Who registers the providers that come with Weir. */
const readyMade = {
  principal: 'ready-made-providers',
  title: 'The providers that come with Weir',
  tenant: '',
};

const READY_TIMEOUT_MS = 30_000;

/** Opens Weir in one process; resolves when the ready-made providers can be fetched from. */
export async function openStandalone(
  config: StandaloneConfig,
  thread: LoadingThread = loadRegistryThread(),
): Promise<Standalone> {
  await using stack = new AsyncDisposableStack();
  stack.use(thread);
  await ensureFolder('WEIR_DATA_DIR', config.dataDir);
  await requireFolder('WEIR_DOCS_DIR', config.docsDir);
  const files = dataFiles(config.dataDir);
  const serviceSecret = ensureServiceSecret('WEIR_DATA_DIR', files.serviceSecret);
  const log = createLogger({
    name: 'weir-router',
    level: config.logLevel,
    destination: { file: files.log },
  });
  const registry = stack.use(
    await thread.open({
      logFile: files.log,
      config: {
        ...registryDefaults,
        port: 0,
        dataDir: config.dataDir,
        databaseUrl: config.databaseUrl,
        templatesDir: cacheFolder(),
        // A server may have several Weirs.
        ownProviders: config.databaseUrl === undefined ? readyMadeNames : [],
        serviceSecret,
        outboundAllow: config.outboundAllow,
        auditMinRetentionMs: config.auditMinRetentionMs,
        eventsKeptMs: config.eventsKeptMs,
        toolCallsKeptMs: config.toolCallsKeptMs,
        eventsMaxBytes: config.eventsMaxBytes,
        tracesUrl: config.tracesUrl,
        tracesShare: config.tracesShare,
        logLevel: config.logLevel,
        pgliteDump: config.pgliteDump,
      },
    }),
  );
  // It tells of the providers that the process before had; what is true, the registry tells at once.
  await rm(files.snapshot, { force: true });
  const router = stack.use(
    await openRouter(
      { ...config, registryUrl: registry.url, serviceSecret },
      { log, metrics: metricsOfBoth(registry) },
    ),
  );
  await router.ready(AbortSignal.timeout(READY_TIMEOUT_MS));
  const key = registry.adminKey ?? readSecretFile('WEIR_DATA_DIR', files.adminKey);
  const place = { url: router.url, adminKey: key };
  const at = { url: router.url, key: await ownKey(files.providersKey, readyMade, place) };
  const served = serveUpstreams({ config, place, log });
  stack.defer(async () => (await served)[Symbol.asyncDispose]());
  await serveReadyMade(stack, { config, at, registry, opsPort: router.opsPort, log });
  await served;
  // What is under way still needs the providers.
  stack.defer(() => router.drain());
  const owned = stack.move();
  return {
    url: router.url,
    opsPort: router.opsPort,
    key,
    firstStart: registry.adminKey !== undefined,
    router,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The router's metrics, whose text tells of the registry too: both show on one port. */
function metricsOfBoth(registry: RegistryThread): Metrics {
  const metrics = createMetrics('weir-router');
  return {
    ...metrics,
    text: async () => joinExpositions(await Promise.all([metrics.text(), registry.metrics()])),
  };
}
