import { readFileSync } from 'node:fs';
import type { SecureClientSessionOptions } from 'node:http2';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import {
  type Clock,
  checkAuthorities,
  hostOf,
  type Logger,
  openClientTls,
  SettingsError,
} from '@weir/kit';
import { type IdentityConfig, registryTls } from './settings.ts';

/** How connections to the registry are made. */
export interface RegistryTls extends Disposable {
  /** For the transport; undefined: in clear text. */
  readonly nodeOptions: SecureClientSessionOptions | undefined;
}

/**
 * Opens TLS towards the registry, when its URL asks for it: each connection is made with the
 * certificates that lie there at that moment. Rejects with SettingsError.
 */
export async function openRegistryTls(
  config: IdentityConfig & { readonly registryUrl: string },
  deps: { clock: Clock; log: Logger },
): Promise<RegistryTls> {
  const { registryCaFile: caFile, registryCertFile: certFile, registryKeyFile: keyFile } = config;
  const url = new URL(config.registryUrl);
  if (url.protocol !== 'https:') {
    if (!caFile && !certFile && !keyFile) {
      return { nodeOptions: undefined, [Symbol.dispose]() {} };
    }
    throw new SettingsError(
      'WEIR_REGISTRY_URL',
      'is not https, and a certificate is set for it',
      'write https://…, or set none',
    );
  }
  const ca = caFile ? { variable: registryTls.caFile.variable, path: caFile } : undefined;
  if (ca) await checkAuthorities(ca);
  const own = await openClientTls(registryTls, { caFile, certFile, keyFile }, deps);
  const host = hostOf(url);
  const createConnection = () => {
    const { cert, key } = own?.current ?? {};
    return connect({
      ...{ host, port: Number(url.port || 443), ALPNProtocols: ['h2'], minVersion: 'TLSv1.3' },
      ...(isIP(host) === 0 && { servername: host }),
      ...(ca && { ca: readFileSync(ca.path) }),
      ...(cert && key && { cert, key }),
    });
  };
  return {
    nodeOptions: { createConnection },
    [Symbol.dispose]: () => own?.[Symbol.dispose](),
  };
}
