import { type MessagePort, parentPort } from 'node:worker_threads';
import { createLogger, createMetrics } from '@weir/kit';
import { sqlProvider } from '@weir/providers/sql';
import { openRegistry, type Registry } from '@weir/registry';
import { type RunningProvider, serveProvider } from '@weir/sdk/provider';
import type { FromRegistry, RegistryThreadData, ToRegistry } from './registry-thread.ts';
import { runBehind } from './run-behind.ts';

// The embedded database blocks the thread it runs on, so the registry has one of its own. What
// reads that database, the provider of Weir's own schema, runs beside it.

/** Opens the registry when it is told to, and does what it is told, until it is told to stop. */
export function serveRegistry(): void {
  const port = parentPort as MessagePort;
  const tell = (message: FromRegistry) => port.postMessage(message);
  // The process tells its own memory and descriptors, in the main thread.
  const metrics = createMetrics('weir-registry', { process: false });
  let registry: Registry | undefined;
  let schema: RunningProvider | undefined;

  port.on('message', (message: ToRegistry) => void obey(message));

  async function obey(message: ToRegistry): Promise<void> {
    switch (message.kind) {
      case 'open': {
        const { config, logFile } = message;
        registry = await openRegistry(config, { log: openLog(config, logFile), metrics });
        // To take in the audit is much work, and can wait; calls cannot.
        runBehind();
        return tell({ kind: 'listening', url: registry.url, adminKey: registry.adminKey });
      }
      case 'serve-schema': {
        const { url, key } = message;
        schema = await serveSchema(registry, { url, key });
        return tell({ kind: 'serving-schema' });
      }
      case 'stop-schema':
        await schema?.[Symbol.asyncDispose]();
        return tell({ kind: 'stopped-schema' });
      case 'metrics':
        return message.to.postMessage(await metrics.text());
      case 'stop':
        await registry?.[Symbol.asyncDispose]();
        return port.close();
    }
  }
}

function openLog({ logLevel }: RegistryThreadData['config'], file: string) {
  return createLogger({ name: 'weir-registry', level: logLevel, destination: { file } });
}

function serveSchema(
  registry: Registry | undefined,
  at: { url: string; key: string },
): Promise<RunningProvider> {
  if (!registry) throw new Error('the registry is not open');
  const query = (sql: string, params?: readonly unknown[]) => registry.query(sql, params);
  const { provider } = sqlProvider({ database: 'weir', query });
  return serveProvider(provider, { ...at, replace: true });
}
