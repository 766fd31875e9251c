import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  checkInside,
  checkPath,
  ifMissing,
  keptFolder,
  keptPath,
  ProjectError,
} from './project-paths.ts';

/** A change of one file, as far as it is a change. */
export interface Change {
  readonly path: string;
  /** What it holds before; undefined: it is not there. */
  readonly before: string | undefined;
  /** What it is to hold; undefined: it is not to be there. */
  readonly after: string | undefined;
}

/** All changes of a run: of the files themselves and of what is kept of this generation. */
export interface Changes {
  readonly files: readonly Change[];
  readonly base: readonly Change[];
}

const planPath = `${keptFolder}/changes.json`;

/**
 * Makes all changes or none. They are written down whole first: from the moment at which that file
 * has its name the run counts as done, and what a cut-off leaves undone `finishChanges` does.
 */
export async function commitChanges(root: string, changes: Changes): Promise<void> {
  const plan = join(root, planPath);
  const draft = `${plan}.draft`;
  await mkdir(dirname(draft), { recursive: true });
  await writeDraft(draft, JSON.stringify(changes), { flush: true });
  await rename(draft, plan);
  await finishChanges(root);
}

/**
 * Finishes what an earlier run wrote down and could not finish. Does nothing when there is none.
 *
 * @throws {ProjectError} before any change, when what is there would change anything but files of the
 *   project: it came with the project, and no run of ours wrote it.
 */
export async function finishChanges(root: string): Promise<void> {
  await checkInside(root, planPath);
  const plan = join(root, planPath);
  const text = await readFile(plan, 'utf8').catch(ifMissing);
  if (text === undefined) return;
  const changes = await readChanges(root, text).catch((error: Error) => {
    const reason = `${plan} is no list of changes that a run left: ${error.message}`;
    throw new ProjectError(`${reason}; remove it and write again`, { cause: error });
  });
  for (const change of changes) await apply(root, change);
  await rm(plan);
}

/** The changes that are written down, each with its path in the project. */
async function readChanges(root: string, text: string): Promise<Change[]> {
  const { files, base } = Object(JSON.parse(text));
  if (!isChanges(files) || !isChanges(base)) throw new ProjectError('it has another form');
  for (const { path } of [...files, ...base]) checkPath(path);
  const changes = [...files, ...base.map((each) => ({ ...each, path: keptPath(each.path) }))];
  for (const { path } of changes) await checkInside(root, path);
  return changes;
}

function isChanges(value: unknown): value is Change[] {
  const isText = (text: unknown) => text === undefined || typeof text === 'string';
  if (!Array.isArray(value)) return false;
  return value.map(Object).every(({ path, before, after }) => {
    return typeof path === 'string' && isText(before) && isText(after);
  });
}

async function apply(root: string, { path, before, after }: Change): Promise<void> {
  const place = join(root, path);
  const current = await readFile(place, 'utf8').catch(ifMissing);
  // What was edited after a cut-off is the user's, and the next merge will see it.
  if (current !== before) return;
  if (after === undefined) return rm(place, { force: true });
  await mkdir(dirname(place), { recursive: true });
  const draft = `${place}.weir-draft`;
  await writeDraft(draft, after);
  await rename(draft, place);
}

/** Writes a draft. One that is there is removed first: a link would lead elsewhere. */
async function writeDraft(place: string, text: string, options?: { flush: boolean }) {
  await rm(place, { force: true });
  await writeFile(place, text, { flag: 'wx', ...options });
}
