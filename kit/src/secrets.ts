import { readSecretFile } from './secret-file.ts';

/** Where a process finds the secrets for its outbound calls. */
export interface SecretSource {
  /** The secret that a reference such as `secret://docs-token` means; undefined: not known. */
  resolve(reference: string): string | undefined;
}

const SCHEME = 'secret://';

/** A source that knows no secret. */
export const noSecrets: SecretSource = { resolve: () => undefined };

/** Reads secrets from a file with mode 0600 that holds lines of the form `name=secret`. */
export function openSecretsFile(path: string): SecretSource {
  const text = readSecretFile('WEIR_SECRETS_FILE', path);
  const secrets = new Map<string, string>();
  for (const line of text.split('\n')) {
    const at = line.indexOf('=');
    if (at > 0 && !line.startsWith('#'))
      secrets.set(line.slice(0, at).trim(), line.slice(at + 1).trim());
  }
  return {
    resolve: (reference) =>
      reference.startsWith(SCHEME) ? secrets.get(reference.slice(SCHEME.length)) : undefined,
  };
}
