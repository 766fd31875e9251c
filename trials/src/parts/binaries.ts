import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A server that the trials run is not installed. */
export class MissingBinary extends Error {
  override readonly name = 'MissingBinary';
}

const DEBIAN_DIR = '/usr/lib/postgresql';

/** Where a program is: on PATH, or where Debian keeps PostgreSQL's. Throws MissingBinary. */
export function binary(name: string, install: string): string {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = [...folders, ...debianFolders()]
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new MissingBinary(`there is no ${name} on PATH; the trials need it: install ${install}`);
}

/** Why the trials cannot run here; undefined when they can. For tests that skip. */
export function whyNoServers(): string | undefined {
  try {
    binary('initdb', 'postgresql');
    binary('redis-server', 'redis');
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function debianFolders(): string[] {
  if (!existsSync(DEBIAN_DIR)) return [];
  const versions = readdirSync(DEBIAN_DIR).sort((a, b) => Number(b) - Number(a));
  return versions.map((version) => join(DEBIAN_DIR, version, 'bin'));
}

/** PostgreSQL does not run as root: then it runs as the user that its package makes. */
export function postgresUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const [, , uid, gid] = postgresEntry()?.split(':') ?? [];
  if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  throw new MissingBinary(
    'PostgreSQL does not run as root, and there is no user "postgres": install postgresql, or run as another user',
  );
}

function postgresEntry(): string | undefined {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  return lines.find((line) => line.startsWith('postgres:'));
}
