import type { Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { toKeyName } from '../keys.ts';

/** How a document is written. */
export type Format = 'markdown' | 'text' | 'asciidoc' | 'restructuredtext';

/** The format that a file's name stands for; `undefined` for files that are no documents. */
export function formatOf(name: string): Format | undefined {
  return formats.get(extname(name).toLowerCase());
}

const formats = new Map<string, Format>([
  ['.md', 'markdown'],
  ['.markdown', 'markdown'],
  ['.mdx', 'markdown'],
  ['.txt', 'text'],
  ['.text', 'text'],
  ['.adoc', 'asciidoc'],
  ['.asciidoc', 'asciidoc'],
  ['.rst', 'restructuredtext'],
]);

/** How much of a folder is read. */
export interface WalkLimits {
  /** Files beyond this are left out, in the order of their paths. */
  readonly maxFiles: number;
  /** Folders deeper than this are left out. */
  readonly maxDepth: number;
  /** Larger files are left out. */
  readonly maxFileBytes: number;
  /** Files are left out once all together are larger than this. */
  readonly maxTotalBytes: number;
}

/** A document's file, as it was when it was looked at. */
export interface FileState {
  /** Where it is. */
  readonly location: string;
  readonly bytes: number;
  readonly modified: Date;
  /** Differs whenever the file has changed. */
  readonly stamp: string;
}

/** What was found: the files by their keys, and how many were left out because of the limits. */
export interface Walk {
  readonly files: ReadonlyMap<string, FileState>;
  readonly leftOut: number;
}

const ignoredNames = new Set(['node_modules']);

/**
 * Finds the documents below a folder. Hidden files and folders, `node_modules` and links are left
 * out: a link could lead out of the folder.
 */
export async function walk(root: string, limits: WalkLimits): Promise<Walk> {
  const files = new Map<string, FileState>();
  let leftOut = 0;
  let totalBytes = 0;
  const visit = async (folder: string, prefix: string, depth: number): Promise<void> => {
    for (const entry of await readFolder(folder)) {
      if (entry.name.startsWith('.') || ignoredNames.has(entry.name)) continue;
      const location = join(folder, entry.name);
      const path = `${prefix}${entry.name}`;
      if (entry.isDirectory() && depth < limits.maxDepth)
        await visit(location, `${path}/`, depth + 1);
      if (!entry.isFile() || formatOf(entry.name) === undefined) continue;
      const state = await lookAt(location);
      const key = toKeyName(path);
      if (!state || key === undefined) continue;
      const isTooMuch =
        files.size >= limits.maxFiles ||
        state.bytes > limits.maxFileBytes ||
        totalBytes + state.bytes > limits.maxTotalBytes;
      if (isTooMuch) leftOut += 1;
      else {
        totalBytes += state.bytes;
        files.set(key, state);
      }
    }
  };
  await visit(root, '', 1);
  return { files, leftOut };
}

async function readFolder(folder: string) {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    // Gone since, or not ours to read: the rest is still worth having.
    return [];
  }
}

/** The state of a regular file; `undefined` when there is none. */
export async function lookAt(location: string): Promise<FileState | undefined> {
  try {
    const stats = await lstat(location);
    return stats.isFile() ? toState(location, stats) : undefined;
  } catch {
    return undefined;
  }
}

function toState(location: string, stats: Stats): FileState {
  const { size, mtime, mtimeMs, ctimeMs, ino } = stats;
  const stamp = [size, mtimeMs, ctimeMs, ino].join(' ');
  return { location, bytes: size, modified: mtime, stamp };
}
