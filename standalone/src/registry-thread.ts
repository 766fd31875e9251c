import { once } from 'node:events';
import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { RegistryConfig } from '@weir/registry';

/** What the registry's thread is started with. */
export interface RegistryThreadData {
  readonly config: RegistryConfig;
  readonly logFile: string;
}

/** What the registry's thread is told. */
export type ToRegistry =
  | { readonly kind: 'serve-schema'; readonly url: string; readonly key: string }
  | { readonly kind: 'stop-schema' }
  | { readonly kind: 'metrics'; readonly to: MessagePort }
  | { readonly kind: 'stop' };

/** What the registry's thread tells. */
export type FromRegistry =
  | { readonly kind: 'listening'; readonly url: string; readonly adminKey: string | undefined }
  | { readonly kind: 'serving-schema' }
  | { readonly kind: 'stopped-schema' };

/** A registry in a thread of its own. */
export interface RegistryThread extends AsyncDisposable {
  /** Its internal listener. */
  readonly url: string;
  /** The first administrator's key; only on the start that created it. */
  readonly adminKey: string | undefined;
  /** Serves the schema of the registry's own database, as a provider registered at a Weir. */
  serveSchema(at: { url: string; key: string }): Promise<AsyncDisposable>;
  /** Its metrics in the text format of Prometheus; empty when it does not answer in time. */
  metrics(): Promise<string>;
}

const METRICS_TIMEOUT_MS = 1_000;

/**
 * Starts the registry in a thread. What it throws while it starts is thrown here; when it dies
 * later, the process dies with it, for nothing in it could mend that.
 */
export async function startRegistryThread(data: RegistryThreadData): Promise<RegistryThread> {
  const worker = new Worker(new URL('./registry-worker.ts', import.meta.url), {
    workerData: data,
    env: { ...process.env, ...compileCache() },
  });
  const tell = (message: ToRegistry) => worker.postMessage(message);
  const told = async <K extends FromRegistry['kind']>(kind: K) => {
    const [message] = (await once(worker, 'message')) as [FromRegistry];
    if (message.kind !== kind) throw new Error(`the registry's thread said ${message.kind}`);
    return message as FromRegistry & { kind: K };
  };
  const { url, adminKey } = await told('listening');
  return {
    url,
    adminKey,
    async serveSchema(at) {
      tell({ kind: 'serve-schema', ...at });
      await told('serving-schema');
      return {
        async [Symbol.asyncDispose]() {
          tell({ kind: 'stop-schema' });
          await told('stopped-schema');
        },
      };
    },
    async metrics() {
      const { port1, port2 } = new MessageChannel();
      try {
        const signal = AbortSignal.timeout(METRICS_TIMEOUT_MS);
        const told = once(port1, 'message', { signal });
        worker.postMessage({ kind: 'metrics', to: port2 } satisfies ToRegistry, [port2]);
        const [text] = (await told) as [string];
        return text;
      } catch {
        return '';
      } finally {
        port1.close();
      }
    },
    async [Symbol.asyncDispose]() {
      const exited = once(worker, 'exit');
      tell({ kind: 'stop' });
      await exited;
    },
  };
}

/** A thread has no compile cache of its own accord: it takes the folder from its environment. */
function compileCache(): Record<string, string> {
  const versioned = getCompileCacheDir();
  return versioned === undefined ? {} : { NODE_COMPILE_CACHE: dirname(versioned) };
}
