import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type FlagValues, UsageError } from './usage.ts';

const defaultUrl = 'http://127.0.0.1:7070';
const localKeyFile = join('.weir', 'admin.key');
const othersMayRead = 0o077;

/** Where Weir is, and the key for it. */
export interface Credentials {
  readonly url: string;
  readonly key: string;
}

/**
 * Finds the address of Weir and the key: as given, else the administrator's key of a Weir that was
 * started in this folder, which is not sent to other machines.
 *
 * @throws {UsageError} when there is none, or others may read its file.
 */
export function findCredentials({ url: given, key, 'key-file': keyFile }: FlagValues): Credentials {
  const url = parseUrl(given ?? defaultUrl);
  if (keyFile !== undefined) return { url: url.href, key: readKey(keyFile) };
  if (key !== undefined) return { url: url.href, key: key.trim() };
  const isLocal = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
  if (isLocal && isFile(localKeyFile)) return { url: url.href, key: readKey(localKeyFile) };
  throw new UsageError('there is no key: set WEIR_KEY or give --key-file FILE');
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(`--url is not like ${defaultUrl}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new UsageError('--url holds user info, which Weir does not use: take it out');
  }
  return url;
}

function readKey(file: string): string {
  try {
    if (process.platform !== 'win32' && (statSync(file).mode & othersMayRead) !== 0) {
      throw new UsageError(`others can read the key file ${file}: run chmod 600 ${file}`);
    }
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`the key file ${file} cannot be read: give --key-file FILE`);
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
