import { existsSync, unwatchFile, watchFile } from 'node:fs';
import type { Logger, OutboundGuard, SecretSource } from '@weir/kit';
import { faultText } from './errors.ts';
import type { Authorizations } from './oauth/authorizations.ts';
import type { SignInPlace } from './oauth/sign-in-listener.ts';
import { tokenFilesOf } from './oauth/token-file.ts';
import { openRegistrar, type Registrar } from './registrar.ts';
import { openStateFile, type StateFile, stateFileOf } from './state-file.ts';
import type { Upstream } from './upstream.ts';
import { idOf, type UpstreamConfig } from './upstream-config.ts';
import { readUpstreams } from './upstreams-file.ts';

/** What a connector is opened with. */
export interface ConnectorOptions {
  /** The operator's file. It need not be there yet. */
  readonly file: string;
  /** Where Weir is. */
  readonly url: string;
  /** The address to listen on, at which routers reach this process. */
  readonly host: string;
  /** A key of a tenant that may register; the tenant is empty for the connector's own. */
  readonly keyOf: (tenant: string) => Promise<string>;
  readonly outbound: OutboundGuard;
  /** Where users reach this process to sign in at upstreams. Default: on this machine, a free port. */
  readonly signIn?: SignInPlace | undefined;
  readonly secrets: SecretSource;
  readonly log: Logger;
  /** How often lists are read again, though no change was told, in ms. Default: 5 minutes. */
  readonly refreshMs?: number | undefined;
}

/** Makes providers of the MCP servers that the operator's file names, for as long as it does. */
export interface Connector extends AsyncDisposable {
  /** Brings what runs to the state of the file now, without waiting for its change to be seen. */
  reload(): Promise<void>;
}

const lookEveryMs = 500;
const refreshMs = 5 * 60_000;
const here: SignInPlace = { host: '127.0.0.1', port: 0, publicUrl: undefined };

/** Opens a connector. Throws SettingsError when the file is there and cannot be used. */
export async function openConnector(options: ConnectorOptions): Promise<Connector> {
  const { file, log } = options;
  const first = await readUpstreams(file);
  const state = openStateFile(stateFileOf(file), log);
  const running = createRunning(options, state);
  let last: Promise<void> = running.become(first);
  await last;

  const reload = (): Promise<void> => {
    const next = last.then(async () => running.become(await readUpstreams(file)));
    last = next.catch((error: unknown) => {
      log.error({ error: faultText(error) }, 'the change of the file is not in force');
    });
    return next;
  };
  const onChange = () => void reload().catch(() => {});
  // By looking: it works on every file system, and for a file that is not there yet.
  watchFile(file, { interval: lookEveryMs, persistent: false }, onChange);
  return {
    reload,
    async [Symbol.asyncDispose]() {
      unwatchFile(file, onChange);
      await last;
      await running.stop();
      await state[Symbol.asyncDispose]();
    },
  };
}

interface Running {
  become(configs: readonly UpstreamConfig[]): Promise<void>;
  stop(): Promise<void>;
}

interface One {
  readonly config: UpstreamConfig;
  readonly upstream: Upstream;
}

function createRunning(options: ConnectorOptions, state: StateFile): Running {
  const { url, host, keyOf, log } = options;
  const upstreams = new Map<string, One>();
  const registrars = new Map<string, Promise<Registrar>>();
  const deps = { ...options, state, refreshMs: options.refreshMs ?? refreshMs };
  let authorizing: Promise<Authorizations> | undefined;

  /** Most connectors have nothing to do with OAuth, and need not load it. */
  function authorizations(): Promise<Authorizations> {
    authorizing ??= import('./oauth/authorizations.ts').then((all) =>
      all.openAuthorizations({ ...options, signIn: options.signIn ?? here }),
    );
    authorizing.catch(() => {
      authorizing = undefined;
    });
    return authorizing;
  }

  function registrarOf(tenant: string): Promise<Registrar> {
    const known = registrars.get(tenant);
    if (known) return known;
    const opened = keyOf(tenant).then((key) => openRegistrar({ url, key, host }));
    registrars.set(tenant, opened);
    opened.catch(() => registrars.delete(tenant));
    return opened;
  }

  /** The provider goes with its upstream: nobody shall be offered what is switched off. */
  async function end(id: string, isGone: boolean): Promise<void> {
    const one = upstreams.get(id);
    upstreams.delete(id);
    await one?.upstream[Symbol.asyncDispose]();
    const [name = '', tenant = ''] = id.split('/').reverse();
    await (await registrarOf(tenant)).remove(name);
    if (isGone && existsSync(tokenFilesOf(options.file).path)) (await authorizations()).drop(id);
    if (isGone) state.drop(id);
    else state.put(id, { status: 'off', error: undefined, offered: 0, held: [] });
    log.info({ upstream: id }, isGone ? 'the upstream was removed' : 'the upstream is off');
  }

  async function begin(config: UpstreamConfig): Promise<void> {
    const id = idOf(config);
    const before = upstreams.get(id);
    if (before && isSame(before.config, config)) {
      upstreams.set(id, { ...before, config });
      return before.upstream.approve(config.approved);
    }
    await before?.upstream[Symbol.asyncDispose]();
    const registrar = await registrarOf(config.tenant);
    // Most have none, and need not load what it takes to speak to one.
    const { openUpstream } = await import('./upstream.ts');
    const given = { ...deps, registrar, authorizations: await authorizationsFor(config) };
    upstreams.set(id, { config, upstream: openUpstream(config, given) });
  }

  async function authorizationsFor(config: UpstreamConfig): Promise<Authorizations | undefined> {
    if (config.transport.kind !== 'http' || !config.transport.oauth) return undefined;
    const all = await authorizations();
    // Tokens are for one address, and never sent to the one that takes its place.
    all.drop(idOf(config), config.transport.url);
    return all;
  }

  /** One that cannot be begun or ended keeps no other from it. */
  async function each(tasks: readonly { id: string; run: () => Promise<void> }[]): Promise<void> {
    await Promise.all(
      tasks.map(async ({ id, run }) => {
        try {
          await run();
        } catch (error) {
          const text = faultText(error);
          state.put(id, { status: 'waiting', error: text });
          log.error({ upstream: id, error: text }, 'the upstream could not be changed');
        }
      }),
    );
  }

  return {
    async become(configs) {
      const wanted = new Map(configs.map((config) => [idOf(config), config]));
      const isOn = (id: string) => wanted.get(id)?.isEnabled === true;
      const known = new Set([...upstreams.keys(), ...state.ids]);
      const ending = [...known].filter(
        (id) =>
          !isOn(id) && (upstreams.has(id) || !wanted.has(id) || state.get(id).status !== 'off'),
      );
      await each(ending.map((id) => ({ id, run: () => end(id, !wanted.has(id)) })));
      const beginning = configs.filter((config) => config.isEnabled);
      await each(beginning.map((config) => ({ id: idOf(config), run: () => begin(config) })));
    },
    async stop() {
      await Promise.all(
        [...upstreams.values()].map(({ upstream }) => upstream[Symbol.asyncDispose]()),
      );
      upstreams.clear();
      await (await authorizing?.catch(() => undefined))?.[Symbol.asyncDispose]();
      for (const registrar of registrars.values()) {
        (await registrar.catch(() => undefined))?.[Symbol.dispose]();
      }
    },
  };
}

/** Whether nothing but approvals differs. */
function isSame(a: UpstreamConfig, b: UpstreamConfig): boolean {
  const withoutApprovals = (config: UpstreamConfig) => JSON.stringify({ ...config, approved: {} });
  return withoutApprovals(a) === withoutApprovals(b);
}
