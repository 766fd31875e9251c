import { choice, optional, outboundSettings, path, port, readSettings, text, url } from '@weir/kit';

/** Where users reach a connector, to sign in at upstreams that want it. */
export const signInSettings = {
  signInHost: text('WEIR_SIGN_IN_HOST', {
    doc: 'The address of the listener to which users come to sign in at MCP servers; it is there only when a server wants it',
    default: '127.0.0.1',
  }),
  signInPort: port('WEIR_SIGN_IN_PORT', {
    doc: 'The port of the listener to which users come to sign in at MCP servers',
    default: '7073',
  }),
  signInUrl: optional(
    url('WEIR_SIGN_IN_URL', {
      doc: 'The address by which browsers of users reach that listener; none: that of its host and port',
    }),
  ),
};

/** The settings of a connector that runs apart. */
export const connectorSettings = {
  upstreamsFile: path('WEIR_UPSTREAMS_FILE', {
    doc: 'The file that names the MCP servers that become providers; in one process: upstreams.yaml in the data directory',
    default: '.weir/upstreams.yaml',
  }),
  url: url('WEIR_URL', {
    doc: 'Where callers reach Weir; the connector registers its providers there',
    default: 'http://127.0.0.1:7070',
  }),
  keyFile: path('WEIR_CONNECTOR_KEY_FILE', {
    doc: 'The file with the key that the connector registers providers with; those of other tenants stand in the file of secrets, as weir-key-TENANT',
    default: '.weir/connector.key',
  }),
  host: text('WEIR_CONNECTOR_HOST', {
    doc: 'The address at which routers reach the connector; it listens there, on free ports',
    default: '127.0.0.1',
  }),
  opsHost: text('WEIR_OPS_HOST', {
    doc: 'The address of /healthz, /readyz and /metrics',
    default: '127.0.0.1',
  }),
  opsPort: port('WEIR_OPS_PORT', {
    doc: 'The port of /healthz, /readyz and /metrics',
    default: '7071',
  }),
  secretsFile: optional(
    path('WEIR_SECRETS_FILE', { doc: 'The file with the secrets for providers, as name=secret' }),
  ),
  ...signInSettings,
  ...outboundSettings,
  logLevel: choice('WEIR_LOG_LEVEL', ['trace', 'debug', 'info', 'warn', 'error', 'silent'], {
    doc: 'The least severe log lines that are written',
    default: 'info',
  }),
};

/** How a connector runs apart. */
export type ConnectorConfig = {
  readonly [K in keyof typeof connectorSettings]: ReturnType<
    (typeof connectorSettings)[K]['parse']
  >;
};

/** Reads the configuration. Throws SettingsError. */
export function readConnectorConfig(env: NodeJS.ProcessEnv): ConnectorConfig {
  return Object.freeze(readSettings(connectorSettings, env));
}
