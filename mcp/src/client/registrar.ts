import { createWeir, WeirCallError } from '@weir/sdk';
import { OperationKind } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { Code } from '@weir/sdk/provider';
import { plain } from './errors.ts';
import { folded } from './review.ts';

/** Where the providers of a tenant are registered, and with which key. */
export interface RegistrarPlace {
  readonly url: string;
  readonly key: string;
  /** The address to listen on, at which routers reach this process. */
  readonly host: string;
}

/** What the connector does at Weir for a tenant. */
export interface Registrar extends Disposable {
  readonly at: RegistrarPlace;
  /** Does one thing at a time, over all upstreams of the tenant. */
  alone<T>(task: () => Promise<T>): Promise<T>;
  /** Whose tools there are, by their folded names, but those of one provider. */
  owners(except: string): Promise<Map<string, string>>;
  /** Throws unless the name is free, or that of a provider which the connector has registered. */
  requireOwn(name: string): Promise<void>;
  /** Takes a provider out of the catalogue. */
  remove(name: string): Promise<void>;
  /** Tells that resources of a provider have changed. */
  publishUpdated(provider: string, uris: readonly string[]): Promise<void>;
}

/** Providers made of MCP servers have one version: a manifest says what they are at the moment. */
export const providerVersion = '1.0.0';
/** By which the connector knows its own. */
export const providerCategory = 'mcp';

const timeoutMs = 5_000;
const pageSize = 100;
const pagesMax = 50;
const eventsMax = 50;

/** Opens the way to Weir for a tenant. */
export function openRegistrar({ url, key, host }: RegistrarPlace): Registrar {
  const weir = createWeir({ url, key, timeoutMs });
  let last: Promise<unknown> = Promise.resolve();

  async function* providers() {
    let pageToken = '';
    for (let page = 0; page < pagesMax; page++) {
      const answer = await weir.registry.listProviders({ pageSize, pageToken });
      yield* answer.providers;
      pageToken = answer.nextPageToken;
      if (pageToken === '') return;
    }
  }

  return {
    at: { url, key, host },
    alone(task) {
      const done = last.then(task, task);
      last = done.catch(() => {});
      return done;
    },
    async owners(except) {
      const owners = new Map<string, string>();
      for await (const { manifest } of providers()) {
        if (!manifest || manifest.name === except) continue;
        for (const { name, kind } of manifest.operations) {
          if (kind === OperationKind.PROMPT) continue;
          owners.set(folded(name), manifest.name);
          owners.set(folded(`${manifest.name}__${name}`), manifest.name);
        }
      }
      return owners;
    },
    async requireOwn(name) {
      const found = await weir.registry
        .getProvider({ name, version: providerVersion })
        .catch(unless(Code.NotFound));
      if (!found?.provider || found.provider.manifest?.category === providerCategory) return;
      throw new Error(`another provider is called ${name}; give the upstream another name`);
    },
    async remove(name) {
      const request = { name, version: providerVersion };
      await weir.registry.deregisterProvider(request).catch(unless(Code.NotFound));
    },
    async publishUpdated(provider, uris) {
      for (let from = 0; from < uris.length; from += eventsMax) {
        const events = uris.slice(from, from + eventsMax).map((uri) => ({
          topic: 'resource.updated',
          key: uri,
          data: { uri: plain(uri), provider },
          refs: [{ type: 'Resource', key: uri, provider }],
        }));
        await weir.publish(events);
      }
    },
    [Symbol.dispose]: () => weir.close(),
  };
}

function unless(code: Code): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof WeirCallError && error.code === code) return undefined;
    throw error;
  };
}
