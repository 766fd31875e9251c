import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createOutboundGuard, type Logger, noSecrets, openSecretsFile } from '@weir/kit';
import { type Connector, openConnector } from '@weir/mcp/client';
import { dataFiles, type StandaloneConfig } from './config.ts';
import { ownKey } from './own-keys.ts';

/** What makes providers of MCP servers needs. */
export interface UpstreamsOptions {
  readonly config: StandaloneConfig;
  /** Where Weir is, and who may make keys there. */
  readonly place: { readonly url: string; readonly adminKey: string };
  readonly log: Logger;
}

/** Makes providers of the MCP servers that the operator's file names, in this process. */
export async function serveUpstreams({ config, place, log }: UpstreamsOptions): Promise<Connector> {
  const files = dataFiles(config.dataDir);
  return await openConnector({
    file: config.upstreamsFile ?? files.upstreams,
    url: place.url,
    host: '127.0.0.1',
    outbound: createOutboundGuard({ allow: config.outboundAllow, log }),
    signIn: { host: config.signInHost, port: config.signInPort, publicUrl: config.signInUrl },
    secrets: config.secretsFile ? openSecretsFile(config.secretsFile) : noSecrets,
    log,
    async keyOf(tenant) {
      await mkdir(files.connectorKeys, { recursive: true });
      await chmod(files.connectorKeys, 0o700);
      const path = join(files.connectorKeys, `${tenant || '_'}.key`);
      const part = { principal: 'mcp-connector', title: 'MCP servers as providers', tenant };
      return await ownKey(path, part, place);
    },
  });
}
