import {
  type GivenSettings,
  optional,
  text,
  tlsClientSettings,
  tlsServerSettings,
} from '@weir/kit';

/** The settings of TLS for callers. */
export const callersTls = tlsServerSettings('WEIR_TLS', 'callers');
/** The settings of TLS towards the registry. */
export const registryTls = tlsClientSettings('WEIR_REGISTRY', 'the registry');

/** The settings that say who callers are believed to be, and over what. */
export const identitySettings = {
  ...callersTls,
  trustedProxies: optional(
    text('WEIR_TRUSTED_PROXIES', {
      doc: 'The proxies that are believed when they say in X-Forwarded-For whom they forward: addresses and networks, separated by commas',
    }),
  ),
  registryCaFile: registryTls.caFile,
  registryCertFile: registryTls.certFile,
  registryKeyFile: registryTls.keyFile,
};

/** What they say; what is left out is not set. */
export type IdentityConfig = GivenSettings<typeof identitySettings>;
