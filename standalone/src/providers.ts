import type { Logger } from '@weir/kit';
import {
  docsProvider,
  logsProvider,
  metricsProvider,
  type ReadyProvider,
  sqlProvider,
} from '@weir/providers';
import { serveProvider } from '@weir/sdk/provider';
import { dataFiles, type StandaloneConfig } from './config.ts';
import type { RegistryThread } from './registry-thread.ts';

/** The names of the ready-made providers. */
export const readyMadeNames = ['docs', 'logs', 'metrics', 'sql'] as const;

/** What the ready-made providers need. */
export interface ReadyMade {
  readonly config: StandaloneConfig;
  /** Where they register, and with which key. */
  readonly at: { readonly url: string; readonly key: string };
  readonly registry: RegistryThread;
  readonly opsPort: number;
  readonly log: Logger;
}

/** Serves the providers that come with Weir, each on a loopback address of its own. */
export async function serveReadyMade(
  stack: AsyncDisposableStack,
  { config, at, registry, opsPort, log }: ReadyMade,
): Promise<void> {
  const serve = async (ready: ReadyProvider) => {
    stack.use(ready);
    const { name } = ready.provider;
    const onEvent = (event: { kind: string; text: string }) =>
      log.info({ provider: name, event: event.kind }, event.text);
    // A newer Weir brings newer manifests under the same version.
    stack.use(await serveProvider(ready.provider, { ...at, replace: true, onEvent }));
  };
  await Promise.all([
    serve(docsProvider({ folder: config.docsDir })),
    serve(logsProvider({ file: dataFiles(config.dataDir).log })),
    serve(metricsProvider({ url: `http://127.0.0.1:${opsPort}/metrics` })),
    config.sqlUrl
      ? serve(sqlProvider({ url: config.sqlUrl }))
      : registry.serveSchema(at).then((schema) => stack.use(schema)),
  ]);
}
