import { type ProjectReport, type WriteOptions, writeProject } from '../project/write-project.ts';
import { DatabaseError } from './database-error.ts';
import { goProjectFiles } from './go/project-files.ts';
import type { Model } from './model.ts';
import { providerName, type ReadOptions, readModel, refuseCount } from './open.ts';
import { pythonFiles } from './python/project-files.ts';
import { type ProjectOptions, projectFiles } from './typescript/project-files.ts';

/** What a project is generated from, and where to. */
export interface GeneratePostgresOptions
  extends ReadOptions,
    Omit<ProjectOptions, 'name' | 'tellCaller'>,
    WriteOptions {
  /** The language of the project. Default: `ts`. */
  readonly lang?: keyof typeof writers | undefined;
  /** The folder of the project. */
  readonly folder: string;
  /** The provider's name. Default: made of the database's. */
  readonly name?: string | undefined;
}

/** Writes the files of a project; each language has one. */
const writers = { ts: projectFiles, python: pythonFiles, go: goProjectFiles };

/** What was generated. */
export interface GeneratedPostgres {
  readonly name: string;
  readonly model: Model;
  readonly report: ProjectReport;
}

/** What Weir takes as the name of a provider; files and modules are called so, too. */
const nameForm = /^[a-z][a-z0-9-]{0,62}$/;

/**
 * Writes a project that offers a database. A second run keeps what was edited.
 *
 * @throws {DatabaseError} when the database cannot be read or offers nothing; nothing is written then.
 * @throws {ProjectError} when the folder cannot be written to.
 */
export async function generatePostgres(
  options: GeneratePostgresOptions,
): Promise<GeneratedPostgres> {
  const model = await readModel(options);
  refuseCount(model);
  const name = options.name ?? providerName(model.database);
  if (!nameForm.test(name)) {
    throw new DatabaseError(
      `the provider cannot be called "${name}": write --name with a-z, 0-9 and "-" after a letter, at most 63`,
    );
  }
  const files = await writers[options.lang ?? 'ts'](model, { ...options, name });
  return { name, model, report: await writeProject(options.folder, files, options) };
}
