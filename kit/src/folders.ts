import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SettingsError } from './settings.ts';

/**
 * Makes sure of a folder that can be written to, which only its owner may enter if it is made
 * here. Throws SettingsError; `variable` names the setting that the path came from.
 */
export async function ensureFolder(variable: string, path: string): Promise<void> {
  try {
    await make(path);
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const reason = `names ${path}, which cannot be written to (${codeOf(error)})`;
    throw new SettingsError(variable, reason, 'name a folder that this user can write to');
  }
}

/** Makes sure that a folder is there and can be read. Throws SettingsError. */
export async function requireFolder(variable: string, path: string): Promise<void> {
  try {
    await requireDirectory(path);
    await access(path, constants.R_OK | constants.X_OK);
  } catch (error) {
    const reason = `names ${path}, which is not a folder that can be read (${codeOf(error)})`;
    throw new SettingsError(variable, reason, 'name a folder that is there');
  }
}

/** One level after the other: under /proc, the recursive mkdir of Node never comes to an end. */
async function make(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return requireDirectory(path);
    if (codeOf(error) !== 'ENOENT') throw error;
    const parent = dirname(path);
    if (!(await isThere(parent))) await make(parent);
    // Another process may have been first, with this one or the one around it.
    await mkdir(path, { mode: 0o700 }).catch(() => requireDirectory(path));
  }
}

async function requireDirectory(path: string): Promise<void> {
  if ((await stat(path)).isDirectory()) return;
  throw Object.assign(new Error('no folder'), { code: 'ENOTDIR' });
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'error';
}
