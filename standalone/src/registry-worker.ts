import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { createLogger, createMetrics } from '@weir/kit';
import { sqlProvider } from '@weir/providers/sql';
import { openRegistry } from '@weir/registry';
import { type RunningProvider, serveProvider } from '@weir/sdk/provider';
import type { FromRegistry, RegistryThreadData, ToRegistry } from './registry-thread.ts';

// The embedded database blocks the thread it runs on, so the registry has one of its own. What
// reads that database, the provider of Weir's own schema, runs beside it.

const port = parentPort as MessagePort;
const { config, logFile } = workerData as RegistryThreadData;
const tell = (message: FromRegistry) => port.postMessage(message);

const log = createLogger({
  name: 'weir-registry',
  level: config.logLevel,
  destination: { file: logFile },
});
// The process tells its own memory and descriptors, in the main thread.
const metrics = createMetrics('weir-registry', { process: false });
const registry = await openRegistry(config, { log, metrics });
let schema: RunningProvider | undefined;

port.on('message', (message: ToRegistry) => void obey(message));
tell({ kind: 'listening', url: registry.url, adminKey: registry.adminKey });

async function obey(message: ToRegistry): Promise<void> {
  switch (message.kind) {
    case 'serve-schema': {
      const { url, key } = message;
      const query = (sql: string, params?: readonly unknown[]) => registry.query(sql, params);
      schema = await serveProvider(sqlProvider({ database: 'weir', query }).provider, {
        url,
        key,
        replace: true,
      });
      return tell({ kind: 'serving-schema' });
    }
    case 'stop-schema':
      await schema?.[Symbol.asyncDispose]();
      return tell({ kind: 'stopped-schema' });
    case 'metrics':
      return message.to.postMessage(await metrics.text());
    case 'stop':
      await registry[Symbol.asyncDispose]();
      return port.close();
  }
}
