import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { choice, flag, type GivenSettings, optional, path, SettingsError } from '../settings.ts';
import { type LiveTls, openLiveTls } from './tls.ts';
import type { TlsFiles } from './tls-files.ts';
import type { ServerTls } from './tls-server.ts';

/** What opening one side of TLS needs. */
export interface OpenTlsDeps {
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
}

/** The settings of a listener that can speak TLS; their variables begin with the prefix. */
export function tlsServerSettings(prefix: string, who: string) {
  return {
    tlsCertFile: optional(
      path(`${prefix}_CERT_FILE`, {
        doc: `The certificate that ${who} see, in PEM, followed by those between it and its authority; none: clear text`,
      }),
    ),
    tlsKeyFile: optional(
      path(`${prefix}_KEY_FILE`, { doc: 'The private key of that certificate, in PEM; mode 0600' }),
    ),
    tlsClientCaFile: optional(
      path(`${prefix}_CLIENT_CA_FILE`, {
        doc: `The authorities, in PEM, of the certificates that ${who} show`,
      }),
    ),
    tlsClientCert: choice(`${prefix}_CLIENT_CERT`, ['none', 'request', 'require'], {
      doc: `Whether ${who} are asked for a certificate, and must have one`,
      default: 'none',
    }),
    tlsClearText: flag(`${prefix}_CLEAR_TEXT`, {
      doc: 'Whether clear text is still taken on the port when there is a certificate',
      default: 'false',
    }),
  };
}

type ServerSettings = ReturnType<typeof tlsServerSettings>;

/**
 * Opens TLS for a listener; undefined: none is set. Rejects with SettingsError when the settings
 * contradict each other or a file cannot be used.
 */
export async function openServerTls(
  settings: ServerSettings,
  values: GivenSettings<ServerSettings>,
  deps: OpenTlsDeps,
): Promise<(ServerTls & Disposable) | undefined> {
  const clientCert = values.tlsClientCert ?? 'none';
  const ca = together(settings.tlsClientCert, clientCert !== 'none' ? clientCert : undefined, {
    setting: settings.tlsClientCaFile,
    value: values.tlsClientCaFile,
  });
  const files = filesOf(
    { setting: settings.tlsCertFile, value: values.tlsCertFile },
    { setting: settings.tlsKeyFile, value: values.tlsKeyFile },
  );
  if (!files) {
    if (ca === undefined) return undefined;
    throw missing(settings.tlsClientCaFile.variable, settings.tlsCertFile.variable);
  }
  if (clientCert === 'require' && values.tlsClearText) {
    throw new SettingsError(
      settings.tlsClearText.variable,
      `is true, while ${settings.tlsClientCert.variable} is require: who calls in clear text shows no certificate`,
      'set it to false, or the other to request',
    );
  }
  const named = ca === undefined ? ca : { variable: settings.tlsClientCaFile.variable, path: ca };
  const live = await openLiveTls({ files: { ...files, ca: named }, use: 'server', ...deps });
  return {
    ...{ live, clientCert, clearText: values.tlsClearText ?? false },
    [Symbol.dispose]: () => live[Symbol.dispose](),
  };
}

/** The settings of a client that shows a certificate of its own. */
export function tlsClientSettings(prefix: string, whom: string) {
  return {
    caFile: optional(
      path(`${prefix}_CA_FILE`, {
        doc: `The authorities, in PEM, of the certificate of ${whom}; none: those of the system`,
      }),
    ),
    certFile: optional(
      path(`${prefix}_CLIENT_CERT_FILE`, { doc: `The certificate, in PEM, to show to ${whom}` }),
    ),
    keyFile: optional(
      path(`${prefix}_CLIENT_KEY_FILE`, {
        doc: 'The private key of that certificate, in PEM; mode 0600',
      }),
    ),
  };
}

type ClientSettings = ReturnType<typeof tlsClientSettings>;

/** Opens the certificate that a client shows; undefined: none is set. */
export async function openClientTls(
  settings: ClientSettings,
  values: GivenSettings<ClientSettings>,
  deps: OpenTlsDeps,
): Promise<LiveTls | undefined> {
  const files = filesOf(
    { setting: settings.certFile, value: values.certFile },
    { setting: settings.keyFile, value: values.keyFile },
  );
  return files && openLiveTls({ files, use: 'client', ...deps });
}

interface Given {
  readonly setting: { readonly variable: string };
  readonly value: string | undefined;
}

/** A certificate and its key: both, or neither. */
function filesOf(cert: Given, key: Given): TlsFiles | undefined {
  if (cert.value === undefined && key.value === undefined) return undefined;
  if (cert.value === undefined) throw missing(key.setting.variable, cert.setting.variable);
  if (key.value === undefined) throw missing(cert.setting.variable, key.setting.variable);
  return {
    cert: { variable: cert.setting.variable, path: cert.value },
    key: { variable: key.setting.variable, path: key.value },
  };
}

/** The value of what is needed as soon as something else is set, and only then. */
function together(
  by: { readonly variable: string },
  set: string | undefined,
  { setting, value }: Given,
): string | undefined {
  if (set !== undefined && value === undefined) throw missing(by.variable, setting.variable);
  if (set === undefined && value !== undefined) throw missing(setting.variable, by.variable);
  return value;
}

function missing(set: string, unset: string): SettingsError {
  return new SettingsError(set, `is set without ${unset}`, 'set both, or neither');
}
