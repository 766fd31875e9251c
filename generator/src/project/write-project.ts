import { mkdir, readdir, readFile, realpath } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { lockDirectory } from '@weir/kit';
import { type Change, commitChanges, finishChanges } from './commit.ts';
import { type Decision, decide, type FileState, type FileVersions } from './decide.ts';
import {
  checkInside,
  checkPath,
  ifMissing,
  isFilePath,
  keptPath,
  ProjectError,
} from './project-paths.ts';

/** How a project is written. */
export interface WriteOptions {
  /**
   * What to do where the user and the generator changed the same lines: write nothing at all, or
   * write both between markers. Default: `stop`.
   */
  readonly onConflict?: 'stop' | 'markers' | undefined;
}

/** What became of one file. */
export interface FileReport {
  /** Its path in the project, with slashes. */
  readonly path: string;
  /**
   * `written`: it is new. `unchanged`: it was so already. `updated`: the generator's new text, since
   * nobody had edited the old one. `merged`: edits of both. `kept`: as the user has it. `conflict`:
   * both changed the same lines. `removed`: it is not generated any more and nobody had edited it.
   */
  readonly state: FileState;
  /** Lines of the user's file, counted from 1, at which both changed something. */
  readonly conflictLines: readonly number[];
}

/** What became of a project. */
export interface ProjectReport {
  /** Whether the project is as the report says. False: there are conflicts, and nothing was written. */
  readonly isWritten: boolean;
  /** Each file, by path. */
  readonly files: readonly FileReport[];
}

/** Files of one project, and their bytes. */
export const projectMaxFiles = 20_000;
export const projectMaxBytes = 256 * 1024 * 1024;

/**
 * Writes a generated project. What was generated the last time is kept in `.weir/base` of the folder,
 * so that a second run merges: what the user edited stays. All files are written or none: of a run
 * that is cut off the next one finishes what was begun.
 *
 * @param files the text of each file by its path, with slashes.
 * @throws {ProjectError} for a path that no file can have, a symbolic link that leads out of the
 *   folder, more than `projectMaxFiles` or `projectMaxBytes`, or a `.weir/changes.json` that no run
 *   can have left.
 * @throws {DirectoryHeldError} when another process is writing there.
 */
export async function writeProject(
  folder: string,
  files: ReadonlyMap<string, string>,
  { onConflict = 'stop' }: WriteOptions = {},
): Promise<ProjectReport> {
  checkSize(files);
  for (const path of files.keys()) checkPath(path);
  await mkdir(folder, { recursive: true });
  const root = await realpath(folder);
  await checkInside(root, keptPath());
  await using _ = await lockDirectory(join(root, keptPath()), { what: 'project' });
  await finishChanges(root);
  const decided = await decideAll(root, files);
  const reports = decided.map(({ path, decision: { state, conflictLines } }) => {
    return { path, state, conflictLines };
  });
  const hasConflicts = reports.some(({ state }) => state === 'conflict');
  if (hasConflicts && onConflict === 'stop') return { isWritten: false, files: reports };
  await commitChanges(root, {
    files: changesOf(decided, ({ versions, decision }) => [versions.current, decision.text]),
    base: changesOf(decided, ({ versions }) => [versions.base, versions.next]),
  });
  return { isWritten: true, files: reports };
}

interface Decided {
  readonly path: string;
  readonly versions: FileVersions;
  readonly decision: Decision;
}

async function decideAll(root: string, files: ReadonlyMap<string, string>): Promise<Decided[]> {
  const kept = await pathsBelow(join(root, keptPath()));
  const paths = [...new Set([...files.keys(), ...kept])].sort();
  const decided: Decided[] = [];
  for (const path of paths) {
    await checkInside(root, path);
    await checkInside(root, keptPath(path));
    const versions = {
      base: await textOf(join(root, keptPath(path))),
      current: await textOf(join(root, path)),
      next: files.get(path),
    };
    decided.push({ path, versions, decision: decide(versions) });
  }
  return decided;
}

function changesOf(
  decided: readonly Decided[],
  states: (one: Decided) => readonly [before: string | undefined, after: string | undefined],
): Change[] {
  return decided.flatMap((one) => {
    const [before, after] = states(one);
    return before === after ? [] : [{ path: one.path, before, after }];
  });
}

async function pathsBelow(folder: string): Promise<string[]> {
  const options = { recursive: true, withFileTypes: true } as const;
  const entries = (await readdir(folder, options).catch(ifMissing)) ?? [];
  return (
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
      // What no generation can have written is not ours to compare with, or to remove.
      .filter((path) => isFilePath(path) && !path.endsWith('.weir-draft'))
  );
}

async function textOf(place: string): Promise<string | undefined> {
  return readFile(place, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EISDIR') return ifMissing(error);
    throw new ProjectError(`${place} is a folder, and a file is to be written there`);
  });
}

function checkSize(files: ReadonlyMap<string, string>): void {
  const bytes = [...files.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (files.size <= projectMaxFiles && bytes <= projectMaxBytes) return;
  throw new ProjectError(
    `the project has ${files.size} files of ${bytes} bytes; at most ${projectMaxFiles} files of ${projectMaxBytes} bytes are written; include less`,
  );
}
