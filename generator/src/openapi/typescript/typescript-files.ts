import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suggestedPolicy } from '../../suggest/policy.ts';
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
    ['package.json', json(packageOf(model, sdk))],
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

function packageOf({ name, version, title }: ApiModel, sdk: string): object {
  return {
    name: `weir-provider-${name}`,
    version,
    private: true,
    description: `A provider of context for Weir: ${title}`,
    type: 'module',
    engines: { node: '>=24' },
    scripts: {
      start: 'node src/main.ts',
      test: 'node --test test/*.test.ts',
      types: 'tsc -p .',
    },
    dependencies: { '@weir/sdk': sdk },
    devDependencies: { '@types/node': '24.19.2', typescript: '6.0.3' },
  };
}

const compilerSettings = {
  compilerOptions: {
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable', 'esnext.array'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noUnusedLocals: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    noEmit: true,
  },
  include: ['src', 'test'],
};

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
