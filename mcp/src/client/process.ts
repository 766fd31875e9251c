import {
  createLogger,
  createMetrics,
  createOutboundGuard,
  noSecrets,
  openOperations,
  openSecretsFile,
  readSecretFile,
} from '@weir/kit';
import { type ConnectorConfig, connectorSettings } from './config.ts';
import { openConnector } from './connector.ts';

/** Opens a connector that is a process of its own. */
export async function openConnectorProcess(config: ConnectorConfig): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const { signInHost, signInPort, signInUrl } = config;
  const { opsHost, opsPort, outboundAllow, url, host, secretsFile, keyFile } = config;
  const log = createLogger({ name: 'weir-connector', level: config.logLevel });
  const metrics = createMetrics('weir-connector');
  const secrets = secretsFile ? openSecretsFile(secretsFile) : noSecrets;
  const key = readSecretFile(connectorSettings.keyFile.variable, keyFile);
  stack.use(
    await openConnector({
      ...{ file: config.upstreamsFile, url, host, secrets, log },
      signIn: { host: signInHost, port: signInPort, publicUrl: signInUrl },
      outbound: createOutboundGuard({ allow: outboundAllow, log, metrics }),
      async keyOf(tenant) {
        const reference = `secret://weir-key-${tenant}`;
        const found = tenant === '' ? key : secrets.resolve(reference);
        if (found !== undefined) return found;
        throw new Error(
          `${reference} is not in the file of secrets: write a key of ${tenant} there`,
        );
      },
    }),
  );
  // How its upstreams are, its file of states tells: none of them makes the others unready.
  const ready = () => undefined;
  stack.use(await openOperations({ host: opsHost, port: opsPort, ready, metrics, log }));
  const owned = stack.move();
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
