import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suggestedPolicy } from '../../suggest/policy.ts';
import { compilerSettings, json, packageOf } from '../../typescript/project.ts';
import type { ApiModel } from '../model/model.ts';
import {
  apiText,
  contextText,
  fileNameOf,
  mainText,
  operationsText,
  providerText,
  schemasText,
  testText,
} from './code.ts';
import { readmeText } from './readme.ts';
import { typeTexts } from './types.ts';

/** What a project is told besides the model. */
export interface TypeScriptOptions {
  /** What package.json says of `@weir/sdk`. */
  readonly sdk: string;
  readonly enable: readonly string[];
  readonly outboundAllow: readonly string[];
}

const runtimeFolder = join(import.meta.dirname, '..', 'runtime');

/** The files of a project in TypeScript, by path. The same model makes the same bytes. */
export async function typescriptFiles(
  model: ApiModel,
  { sdk, enable, outboundAllow }: TypeScriptOptions,
): Promise<Map<string, string>> {
  const types = typeTexts(model);
  const policy = suggestedPolicy({
    provider: model.name,
    fields: model.contexts.flatMap(({ marked }) => marked),
  });
  const contexts = model.contexts.map(({ type, schema, open }) => [type, { schema, open }]);
  const inputs = model.operations.map(({ name, input }) => [name, input]);
  const examples = model.contexts.flatMap(({ type, example }) =>
    example ? [{ type, ...example }] : [],
  );
  const files = new Map<string, string>([
    ['package.json', json(packageOf({ ...model, description: model.title, sdk }))],
    ['tsconfig.json', json(compilerSettings)],
    ['.gitignore', 'node_modules/\n'],
    ['README.md', readmeText(model)],
    ...(policy === undefined ? [] : [['policy.yaml', policy] as const]),
    ['schemas/contexts.json', json(Object.fromEntries(contexts))],
    ['schemas/definitions.json', json(model.definitions)],
    ['schemas/inputs.json', json(Object.fromEntries(inputs))],
    ['src/api.ts', apiText(model, outboundAllow)],
    ['src/main.ts', mainText(enable)],
    ['src/operations.ts', operationsText(model.operations)],
    ['src/provider.ts', providerText(model)],
    ['src/schemas.ts', schemasText()],
    ['src/types.ts', types.text],
    ['test/examples.json', json(examples)],
    ['test/provider.test.ts', testText()],
  ]);
  for (const context of model.contexts) {
    const valueType = types.byContext.get(context.type) ?? 'unknown';
    files.set(`src/contexts/${fileNameOf(context)}.ts`, contextText(context, valueType));
  }
  for (const name of (await readdir(runtimeFolder)).sort()) {
    if (name.endsWith('.test.ts')) continue;
    files.set(`src/runtime/${name}`, await readFile(join(runtimeFolder, name), 'utf8'));
  }
  return files;
}
