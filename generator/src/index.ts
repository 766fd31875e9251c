export type { ApiModel, Note } from './openapi/model/model.ts';
export {
  generateOpenApi,
  type Language,
  type OpenApiOptions,
  type OpenApiProjectOptions,
  openApiProvider,
} from './openapi/openapi.ts';
export { DocumentError, type DocumentFault } from './openapi/read/document-error.ts';
export { DatabaseError } from './postgres/database-error.ts';
export {
  type GeneratedPostgres,
  type GeneratePostgresOptions,
  generatePostgres,
} from './postgres/generate.ts';
export type { LeftOut, Model as PostgresModel } from './postgres/model.ts';
export {
  openPostgresProvider,
  type PostgresOptions,
  type PostgresProvider,
  type ReadOptions as ReadPostgresOptions,
} from './postgres/open.ts';
export { ProjectError } from './project/project-paths.ts';
export {
  type FileReport,
  type ProjectReport,
  type WriteOptions,
  writeProject,
} from './project/write-project.ts';
export { defaultPythonSdk } from './python/package-files.ts';
export { type MarkedField, type PolicyOptions, suggestedPolicy } from './suggest/policy.ts';
export {
  type FieldHint,
  type Suggestion,
  suggestSensitivity,
} from './suggest/sensitivity.ts';
