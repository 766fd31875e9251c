import type { Logger, OutboundGuard, SecretSource } from '@weir/kit';
import { idOf, type UpstreamConfig } from '../upstream-config.ts';
import type { Grant } from './authorized-fetch.ts';
import { clientMetadata } from './client-identity.ts';
import { createGrant } from './grants.ts';
import { openSignInListener, type SignInListener, type SignInPlace } from './sign-in-listener.ts';
import { heldTokensMax, openTokenFile } from './token-file.ts';

/** A user of a tenant; both empty: the connector itself. */
export interface User {
  readonly tenant: string;
  readonly principal: string;
}

/** The connector itself, as it reads what upstreams have. */
export const connectorItself: User = { tenant: '', principal: '' };

/** The authorizations that the connector has for upstreams. */
export interface Authorizations extends AsyncDisposable {
  /** That of a user for an upstream; undefined: it needs none. */
  grantOf(config: UpstreamConfig, user: User): Grant | undefined;
  /** Calls back when somebody has signed in for an upstream. */
  onSignedIn(upstream: string, listener: () => void): Disposable;
  /** Forgets all of an upstream, or all but what is of one address. */
  drop(upstream: string, exceptUrl?: string): void;
}

/** What authorizations need. */
export interface AuthorizationsOptions {
  /** The operator's file, beside which tokens are kept. */
  readonly file: string;
  readonly signIn: SignInPlace;
  readonly outbound: OutboundGuard;
  readonly secrets: SecretSource;
  readonly log: Logger;
}

/** Opens them. Throws when the tokens of before cannot be read. */
export function openAuthorizations(options: AuthorizationsOptions): Authorizations {
  const { outbound, secrets, log, signIn } = options;
  const file = openTokenFile(options.file, log);
  const grants = new Map<string, Grant>();
  const listeners = new Map<string, Set<() => void>>();
  let opened: Promise<SignInListener> | undefined;

  /** Nobody signs in at most connectors. */
  function listener(): Promise<SignInListener> {
    opened ??= openSignInListener(signIn, {
      log,
      document: ({ redirectUrl, documentUrl }) => ({
        client_id: documentUrl,
        ...clientMetadata({ grant: 'authorization_code', scope: '', method: 'none' }, redirectUrl),
      }),
    });
    opened.catch(() => {
      opened = undefined;
    });
    return opened;
  }

  return {
    grantOf(config, { tenant, principal }) {
      if (config.transport.kind !== 'http' || !config.transport.oauth) return undefined;
      const upstream = idOf(config);
      const { url, oauth } = config.transport;
      const holder = { upstream, url, tenant, principal };
      const name = JSON.stringify([holder, oauth]);
      const known = grants.get(name);
      if (known) return known;
      const onSignedIn = () => {
        for (const told of listeners.get(upstream) ?? []) told();
      };
      const deps = { file, listener, outbound, secrets };
      const grant = createGrant(deps, { config: oauth, holder, onSignedIn });
      grants.set(name, grant);
      const [oldest] = grants.keys();
      if (grants.size > heldTokensMax && oldest !== undefined) grants.delete(oldest);
      return grant;
    },
    onSignedIn(upstream, told) {
      const all = listeners.get(upstream) ?? new Set();
      listeners.set(upstream, all.add(told));
      return {
        [Symbol.dispose]() {
          all.delete(told);
          if (all.size === 0 && listeners.get(upstream) === all) listeners.delete(upstream);
        },
      };
    },
    drop(upstream, exceptUrl) {
      file.drop(upstream, exceptUrl);
      if (exceptUrl !== undefined) return;
      const isOf = (holder: string) => JSON.parse(holder).upstream === upstream;
      void opened?.then(({ signIns }) => signIns.drop(isOf)).catch(() => {});
    },
    async [Symbol.asyncDispose]() {
      await (await opened?.catch(() => undefined))?.[Symbol.asyncDispose]();
      await file[Symbol.asyncDispose]();
    },
  };
}
