import { readFileSync, statSync } from 'node:fs';

/** Finds the secret that a reference such as `secret://crm-token` means; undefined: it is not known. */
export type Secrets = (reference: string) => string | undefined;

const scheme = 'secret://';
const othersMask = 0o077;

/**
 * Secrets of this process: `secret://crm-token` is the variable `CRM_TOKEN`, or the line
 * `crm-token=…` of the file that WEIR_SECRETS_FILE names, which nobody else may be able to read.
 *
 * @throws {Error} when that file cannot be read, or others can read it.
 */
export function openSecrets(env: Readonly<Record<string, string | undefined>>): Secrets {
  const file = env.WEIR_SECRETS_FILE ? readSecrets(env.WEIR_SECRETS_FILE) : new Map();
  return (reference) => {
    if (!reference.startsWith(scheme)) return undefined;
    const name = reference.slice(scheme.length);
    return env[variableOf(reference)] || file.get(name) || undefined;
  };
}

/** The variable that may hold the secret of a reference. */
export function variableOf(reference: string): string {
  return reference
    .slice(scheme.length)
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_');
}

function readSecrets(path: string): Map<string, string> {
  if ((statSync(path).mode & othersMask) !== 0) {
    throw new Error(`WEIR_SECRETS_FILE names ${path}, which others can read: chmod 600 ${path}`);
  }
  const lines = readFileSync(path, 'utf8').split('\n');
  return new Map(
    lines
      .filter((line) => line.indexOf('=') > 0 && !line.startsWith('#'))
      .map((line) => {
        const at = line.indexOf('=');
        return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
      }),
  );
}
