import type { ProjectReport } from '@weir/generator';
import { exitCodes } from '../exit-codes.ts';
import { Failure } from '../failure.ts';

/** More files of one state than these are only counted. */
const namedMax = 10;

/** What became of the files of a project; those that nothing happened to are counted. */
export function reportText({ files }: ProjectReport): string {
  const byState = Object.groupBy(files, ({ state }) => state);
  return Object.entries(byState)
    .map(([state, group]) => {
      const paths = group.map(({ path }) => path);
      if (state === 'unchanged' || paths.length > namedMax)
        return `${state} ${paths.length} files\n`;
      return paths.map((path) => `${state} ${path}\n`).join('');
    })
    .join('');
}

/** What to do where the user and the generator changed the same lines. */
export function conflictFailure({ files }: ProjectReport): Failure {
  const faults = files
    .filter(({ state }) => state === 'conflict')
    .flatMap(({ path, conflictLines }) => conflictLines.map((line) => `${path}:${line}`));
  return new Failure(exitCodes.refused, 'You and the generator changed the same lines.', {
    faults,
    mend: 'Nothing was written. Undo one of the changes, or write both with --on-conflict markers.',
  });
}
