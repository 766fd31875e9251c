import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { looksGuessable, serviceSecretMinBytes } from './service-secret.ts';
import { SettingsError } from './settings.ts';

/** The mode of a file that others than its owner can do something with. */
export const othersMask = 0o077;
const newSecretBytes = 48;

/**
 * Reads a file that holds a secret, without white space around it. Throws SettingsError when it
 * is missing, or can be read by others than its owner. `variable` names the setting that the
 * path came from.
 */
export function readSecretFile(variable: string, path: string): string {
  try {
    if ((statSync(path).mode & othersMask) !== 0) {
      throw new SettingsError(
        variable,
        `names ${path}, which others can read`,
        `chmod 600 ${path}`,
      );
    }
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (error instanceof SettingsError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    throw new SettingsError(variable, `names ${path}, which cannot be read (${code})`, 'create it');
  }
}

/** Reads the secret that registry and routers share: 32 characters or more, used as they are. */
export function readServiceSecret(variable: string, path: string): Uint8Array {
  const secret = new Uint8Array(Buffer.from(readSecretFile(variable, path)));
  const mend = `write it with: openssl rand -base64 ${newSecretBytes} > ${path}`;
  if (secret.length >= serviceSecretMinBytes) {
    if (!looksGuessable(secret)) return secret;
    const reason = `names ${path}, which holds what anybody may guess`;
    throw new SettingsError(variable, reason, mend);
  }
  throw new SettingsError(
    variable,
    `names ${path}, which holds ${secret.length} bytes; at least ${serviceSecretMinBytes} are needed`,
    mend,
  );
}

/** Reads the shared secret, and makes a random one first when there is none; mode 0600. */
export function ensureServiceSecret(variable: string, path: string): Uint8Array {
  try {
    const text = `${randomBytes(newSecretBytes).toString('base64url')}\n`;
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readServiceSecret(variable, path);
}
