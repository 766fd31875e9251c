import {
  type Clock,
  createOutboundFetch,
  type Logger,
  type Metrics,
  type OutboundGuard,
  openServerTls,
  readTrustedProxies,
  type ServerTls,
  type TrustedProxies,
} from '@weir/kit';
import type { SnapshotHolder } from '../snapshot/holder.ts';
import { createKeySets } from './key-sets.ts';
import { createNonces, type Nonces, openRedisNonces } from './nonces.ts';
import { callersTls, type IdentityConfig, identitySettings } from './settings.ts';
import { createTokens, type Tokens } from './tokens.ts';

/** Who callers are believed to be, and over what. */
export interface Identity extends AsyncDisposable {
  /** For the gate. */
  readonly tokens: Tokens;
  /** For the gate. */
  readonly nonces: Nonces;
  /** For the listener. */
  readonly tls: ServerTls | undefined;
  /** For the listener. */
  readonly trustedProxies: TrustedProxies;
}

/** What identity needs. */
export interface IdentityDeps {
  readonly holder: SnapshotHolder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The way to issuers. */
  readonly outbound: OutboundGuard;
}

/** Opens what the gate and the listener need. Rejects with SettingsError for wrong settings. */
export async function openIdentity(
  config: IdentityConfig & { readonly redisUrl?: string | undefined },
  { holder, outbound, metrics, ...deps }: IdentityDeps,
): Promise<Identity> {
  await using stack = new AsyncDisposableStack();
  const { variable } = identitySettings.trustedProxies;
  const trustedProxies = readTrustedProxies(variable, config.trustedProxies);
  const tls = await openServerTls(callersTls, config, { ...deps, metrics });
  if (tls) stack.use(tls);
  const keySets = createKeySets({ fetch: createOutboundFetch(outbound), ...deps });
  const tokens = createTokens({ holder, keySets, clock: deps.clock });
  const nonces = config.redisUrl
    ? stack.use(openRedisNonces({ url: config.redisUrl, ...deps }))
    : createNonces(deps.clock);
  const owned = stack.move();
  return {
    ...{ tokens, nonces, tls, trustedProxies },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
