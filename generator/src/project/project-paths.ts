import { lstat, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';

/** The folder in a project where the generator keeps what it wrote the last time. */
export const keptFolder = '.weir';

const pathMaxChars = 400;

/** A project cannot be written; nothing of it was. The message says what is in the way. */
export class ProjectError extends Error {
  override readonly name = 'ProjectError';
}

/** Where in a project the last generation of a file is kept; without a path, of all. */
export const keptPath = (path?: string) => [keptFolder, 'base', path].filter(Boolean).join('/');

/** Whether a generated file can have a path. */
export function isFilePath(path: string): boolean {
  const parts = path.split('/');
  const isSound = parts.every((part) => /^[A-Za-z0-9_.@-]+$/.test(part) && !/^\.\.?$/.test(part));
  return isSound && parts[0] !== keptFolder && path.length <= pathMaxChars;
}

/** Throws ProjectError for a path that a generated file cannot have. */
export function checkPath(path: string): void {
  if (isFilePath(path)) return;
  throw new ProjectError(`"${path.slice(0, 80)}" is no path of a generated file`);
}

/** Throws ProjectError where a symbolic link on the way to a path leads out of the project. */
export async function checkInside(root: string, path: string): Promise<void> {
  for (let at = path; at !== '.'; at = dirname(at)) {
    const place = join(root, at);
    const found = await lstat(place).catch(ifMissing);
    if (!found?.isSymbolicLink()) continue;
    const target = await realpath(place).catch(ifMissing);
    if (target?.startsWith(root + sep)) continue;
    throw new ProjectError(
      `${place} is a symbolic link that leads out of the project; remove it, or write elsewhere`,
    );
  }
}

/** Undefined for what is not there; throws every other error again. */
export function ifMissing(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
}
