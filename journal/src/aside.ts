import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

// A chain that the registry refuses, or that is damaged, is left for people. A file beside its
// segments says so, and why, so that it is known at the next start before the registry answers.

const ASIDE_FILE = 'set-aside';

/** Sets the chain in a folder aside. */
export async function markAside(folder: string, why: string, nowMs: number): Promise<void> {
  await writeFile(join(folder, ASIDE_FILE), `${new Date(nowMs).toISOString()} ${why}\n`, {
    mode: 0o600,
  });
}

/** Takes that back. */
export async function clearAside(folder: string): Promise<void> {
  await rm(join(folder, ASIDE_FILE), { force: true });
}

/** Whether the chain in a folder was set aside. */
export async function isMarkedAside(folder: string): Promise<boolean> {
  return exists(join(folder, ASIDE_FILE));
}

/** Whether there is something at a path. */
export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
