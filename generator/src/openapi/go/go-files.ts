import { join } from 'node:path';
import { goModText, runtimeFiles } from '../../go/module.ts';
import { suggestedPolicy } from '../../suggest/policy.ts';
import type { ApiModel } from '../model/model.ts';
import { type ReadmeWords, readmeText } from '../typescript/readme.ts';
import { apiText, contextFiles, mainText, operationsText, providerText, testText } from './code.ts';

/** What a project is told besides the model. */
export interface GoOptions {
  /** A folder that holds the SDK, or its version. */
  readonly sdk?: string | undefined;
  readonly enable: readonly string[];
  readonly outboundAllow: readonly string[];
}

const runtimeFolder = join(import.meta.dirname, 'runtime');

const readmeWords: ReadmeWords = {
  needs: 'Go 1.19 or later',
  install: 'go mod tidy',
  test: 'go vet ./... && go test ./...',
  start: 'go run .',
  defaultUrl: 'it must be there',
  mainFile: 'main.go',
  apiFile: 'api.go',
  operationsFile: 'operations/operations.go',
  contextsFolder: 'contexts',
};

/**
 * The files of a project in Go, by path. Requests are Go, to be edited; schemas are data, which the
 * program embeds: as Go they would be no easier to read, and far longer. The same model makes the
 * same bytes.
 */
export async function goFiles(model: ApiModel, options: GoOptions): Promise<Map<string, string>> {
  const { sdk, enable, outboundAllow } = options;
  const { name, contexts, operations, definitions } = model;
  const fields = contexts.flatMap(({ marked }) => marked);
  const policy = suggestedPolicy({ provider: name, fields });
  const schemas = contexts.map(({ type, schema, open }) => [type, { schema, open }]);
  const inputs = operations.map((operation) => [operation.name, operation.input]);
  const examples = contexts.flatMap(({ type, example }) => (example ? [{ type, ...example }] : []));
  return new Map([
    ['go.mod', goModText({ name, sdk, requires: ['google.golang.org/grpc v1.60.1'] })],
    ['.gitignore', `/${name}\n`],
    ['README.md', readmeText(model, readmeWords)],
    ...(policy === undefined ? [] : ([['policy.yaml', policy]] as const)),
    ['main.go', mainText(model, enable)],
    ['api.go', apiText(model, outboundAllow)],
    ['provider.go', providerText(model)],
    ['provider_test.go', testText(model)],
    ['testdata/examples.json', json(examples)],
    ...contextFiles(model),
    ['contexts/schemas/contexts.json', json(Object.fromEntries(schemas))],
    ['contexts/schemas/definitions.json', json(definitions)],
    ['operations/operations.go', operationsText(model)],
    ['operations/schemas/inputs.json', json(Object.fromEntries(inputs))],
    ...(await runtimeFiles(runtimeFolder, 'internal/openapi')),
  ]);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
