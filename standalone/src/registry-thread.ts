import { once } from 'node:events';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { RegistryConfig } from '@weir/registry';
import { cacheFolder } from './cache-folder.ts';

/** What a registry is opened with. */
export interface RegistryThreadData {
  readonly config: RegistryConfig;
  readonly logFile: string;
}

/** What the registry's thread is told. */
export type ToRegistry =
  | ({ readonly kind: 'open' } & RegistryThreadData)
  | { readonly kind: 'serve-schema'; readonly url: string; readonly key: string }
  | { readonly kind: 'stop-schema' }
  | { readonly kind: 'metrics'; readonly to: MessagePort }
  | { readonly kind: 'stop' };

/** What the registry's thread tells. */
export type FromRegistry =
  | { readonly kind: 'listening'; readonly url: string; readonly adminKey: string | undefined }
  | { readonly kind: 'serving-schema' }
  | { readonly kind: 'stopped-schema' };

/** A thread that loads what a registry consists of. */
export interface LoadingThread extends AsyncDisposable {
  /**
   * Opens the registry, once. What it throws while it starts is thrown here; when it dies later, the
   * process dies with it, for nothing in it could mend that.
   */
  open(data: RegistryThreadData): Promise<RegistryThread>;
}

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
 * Starts a thread for a registry. To load it takes as long as to load all the rest, and both go on at
 * once if this comes first: nothing heavy is imported here. Dispose of it if it is not opened.
 */
export function loadRegistryThread(): LoadingThread {
  const folder = cacheFolder();
  const worker = new Worker(new URL('./registry-worker.ts', import.meta.url), {
    // A thread has no compile cache of its own accord: it takes the folder from its environment.
    env: { ...process.env, ...(folder !== undefined && { NODE_COMPILE_CACHE: folder }) },
  });
  const opened = told(worker, 'listening');
  // Until somebody waits for it.
  opened.catch(() => {});
  return {
    async open(data) {
      worker.postMessage({ kind: 'open', ...data } satisfies ToRegistry);
      return runningThread(worker, await opened);
    },
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}

type Told<K extends FromRegistry['kind']> = FromRegistry & { readonly kind: K };

async function told<K extends FromRegistry['kind']>(worker: Worker, kind: K): Promise<Told<K>> {
  const [message] = (await once(worker, 'message')) as [FromRegistry];
  if (message.kind !== kind) throw new Error(`the registry's thread said ${message.kind}`);
  return message as Told<K>;
}

function runningThread(worker: Worker, { url, adminKey }: Told<'listening'>): RegistryThread {
  const say = (message: ToRegistry) => worker.postMessage(message);
  return {
    url,
    adminKey,
    async serveSchema(at) {
      say({ kind: 'serve-schema', ...at });
      await told(worker, 'serving-schema');
      return {
        async [Symbol.asyncDispose]() {
          say({ kind: 'stop-schema' });
          await told(worker, 'stopped-schema');
        },
      };
    },
    metrics: () => metricsOf(worker),
    async [Symbol.asyncDispose]() {
      const exited = once(worker, 'exit');
      say({ kind: 'stop' });
      await exited;
    },
  };
}

async function metricsOf(worker: Worker): Promise<string> {
  const { port1, port2 } = new MessageChannel();
  try {
    const signal = AbortSignal.timeout(METRICS_TIMEOUT_MS);
    const answered = once(port1, 'message', { signal });
    worker.postMessage({ kind: 'metrics', to: port2 } satisfies ToRegistry, [port2]);
    const [text] = (await answered) as [string];
    return text;
  } catch {
    return '';
  } finally {
    port1.close();
  }
}
