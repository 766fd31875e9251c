/// <reference lib="esnext.disposable" preserve="true" />
import { createWeir, type Weir } from '../consumer/weir.ts';
import { toCallError } from '../errors.ts';
import type { OnFault } from './answer.ts';
import type { ProviderDefinition } from './definition.ts';
import { openRegistration, type ProviderEvent, type Registration } from './registration.ts';
import { openProviderServer, type ProviderServer } from './server.ts';

/** Where a provider is served, and which Weir it registers with. */
export interface ServeOptions {
  /** Where Weir listens, such as `http://127.0.0.1:7070`. */
  readonly url: string;
  /** An API key that may register providers. */
  readonly key: string;
  /** The address to listen on. Default: `127.0.0.1`. */
  readonly host?: string | undefined;
  /** The port to listen on. Default: 0, any free one. */
  readonly port?: number | undefined;
  /** The address that routers are told. Default: `http://<host>:<port>`. */
  readonly publicUrl?: string | undefined;
  /** Whether to replace another manifest under the same name and version. Default: no. */
  readonly replace?: boolean | undefined;
  /**
   * A bearer token that routers must send. They resolve it from the provider's `bearer`
   * reference. Default: none is required.
   */
  readonly token?: string | undefined;
  /** How long calls under way may take to end when the provider stops, in ms. Default: 10,000. */
  readonly drainMs?: number | undefined;
  /** Stops the provider, as disposing of it does. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Told of what happens, errors of your functions included. Default: those errors are written to
   * the console, and all else is silent.
   */
  readonly onEvent?: ((event: ProviderEvent) => void) | undefined;
}

/** A provider that is served and registered. */
export interface RunningProvider extends AsyncDisposable {
  /** The address that routers are told. */
  readonly url: string;
  /** The port that it listens on. */
  readonly port: number;
  /**
   * Offers something else from now on: another manifest under the same name and version.
   *
   * @throws {TypeError} when name or version differ.
   * @throws {WeirCallError} when Weir refuses the manifest; calls are then answered as before.
   */
  update(provider: ProviderDefinition): Promise<void>;
  /** Drains and stops: routers are told to go elsewhere, calls under way are answered first. */
  close(): Promise<void>;
  /** Resolves once it has stopped. */
  readonly closed: Promise<void>;
}

/** How long Weir may take to answer one call. */
const registryTimeoutMs = 5_000;
/** How long Weir may take to answer when the provider stops; it may itself be gone. */
const farewellTimeoutMs = 2_000;

/**
 * Serves a provider and registers it with Weir: publishes types that bring a schema, registers
 * the manifest and the address, renews the lease, and registers all of it again when Weir has
 * forgotten it. Weir need not be up yet: it is tried until it is there.
 *
 * @returns once registered.
 * @throws {WeirCallError} when Weir refuses for good: a faulty manifest, a wrong key, other
 *   content under the same name and version without `replace`; or when `signal` stops it first.
 * @throws {TypeError} when an option cannot be right.
 * @throws {Error} when the address cannot be listened on.
 */
export async function serveProvider(
  provider: ProviderDefinition,
  options: ServeOptions,
): Promise<RunningProvider> {
  const { url, key, host = '127.0.0.1', port = 0, token, replace = false, signal } = options;
  checkAddress(host, options.publicUrl);
  const onEvent = guarded(options.onEvent ?? logFaults);
  const weir = createWeir({ url, key, timeoutMs: registryTimeoutMs, retries: 0 });
  const onFault: OnFault = ({ what, error }) =>
    onEvent({ kind: 'fetch-failed', text: what, error });
  let serving = provider;
  const current = () => serving;
  const server = await openProviderServer(current, { host, port, token, onFault });
  const endpointUrl = options.publicUrl ?? `http://${inUrl(host)}:${server.port}`;
  const { registry } = weir;
  const registration = openRegistration({ current, registry, endpointUrl, replace, onEvent });
  const update = async (next: ProviderDefinition): Promise<void> => {
    const before = serving;
    checkSame(before, next);
    serving = next;
    try {
      await registration.update();
    } catch (error) {
      // Unless it was changed again meanwhile.
      if (serving === next) serving = before;
      throw toCallError(error);
    }
  };
  const running = run({ weir, server, registration, endpointUrl, onEvent, options, update });
  const stop = (): void => void running.close();
  signal?.addEventListener('abort', stop, { once: true });
  void running.closed.then(() => signal?.removeEventListener('abort', stop));
  try {
    signal?.throwIfAborted();
    await Promise.race([
      registration.registered,
      running.closed.then(() => signal?.throwIfAborted()),
    ]);
    return running;
  } catch (error) {
    await running.close();
    throw toCallError(error);
  }
}

interface Parts {
  readonly weir: Weir;
  readonly server: ProviderServer;
  readonly registration: Registration;
  readonly endpointUrl: string;
  readonly onEvent: (event: ProviderEvent) => void;
  readonly options: ServeOptions;
  readonly update: RunningProvider['update'];
}

function run(parts: Parts): RunningProvider {
  let closing: Promise<void> | undefined;
  let onClosed = (): void => {};
  const closed = new Promise<void>((resolve) => {
    onClosed = resolve;
  });
  const close = (): Promise<void> => {
    closing ??= drain(parts).finally(onClosed);
    return closing;
  };
  return {
    url: parts.endpointUrl,
    port: parts.server.port,
    update: parts.update,
    close,
    closed,
    [Symbol.asyncDispose]: close,
  };
}

/** In this order no router is sent to an address that no longer answers. */
async function drain({ weir, server, registration, onEvent, options }: Parts): Promise<void> {
  await registration.stop();
  server.stopServing();
  const endpointId = registration.endpointId();
  const leave = async (isDraining: boolean): Promise<void> => {
    if (endpointId === undefined) return;
    const call = { timeoutMs: farewellTimeoutMs };
    await weir.registry.deregisterEndpoint({ endpointId, drain: isDraining }, call).catch(() => {});
  };
  if (endpointId !== undefined) onEvent({ kind: 'draining', text: 'no new calls are wanted' });
  await leave(true);
  await server.idle(options.drainMs ?? 10_000);
  await leave(false);
  await server.close();
  weir.close();
  onEvent({ kind: 'closed', text: 'the provider has stopped' });
}

function checkSame(before: ProviderDefinition, next: ProviderDefinition): void {
  if (next.name === before.name && next.version === before.version) return;
  const what = `${before.name}@${before.version}`;
  throw new TypeError(`${what} cannot become ${next.name}@${next.version}: serve that apart`);
}

function checkAddress(host: string, publicUrl: string | undefined): void {
  if (publicUrl === undefined) {
    if (host !== '0.0.0.0' && host !== '::') return;
    throw new TypeError(`host ${host} is no address to be called at: give publicUrl too`);
  }
  if (!URL.canParse(publicUrl) || !/^https?:$/.test(new URL(publicUrl).protocol)) {
    throw new TypeError(`publicUrl "${publicUrl}" is not an http or https URL`);
  }
}

function inUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function logFaults({ kind, text, error }: ProviderEvent): void {
  if (kind === 'fetch-failed') console.error(`provider failed at ${text}:`, error);
}

/** A listener that throws is reported as uncaught, and does not break the registration. */
function guarded(listener: (event: ProviderEvent) => void): (event: ProviderEvent) => void {
  return (event) => {
    try {
      listener(event);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  };
}
