import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTaken, packageName, snakeName } from '../../python/names.ts';
import { packageFiles } from '../../python/package-files.ts';
import { valueTexts } from '../../python/values.ts';
import { suggestedPolicy } from '../../suggest/policy.ts';
import type { ApiModel } from '../model/model.ts';
import {
  apiText,
  type ContextModule,
  contextsText,
  contextText,
  mainText,
  operationsText,
  providerText,
  schemasText,
} from './code.ts';
import { readmeText } from './readme.ts';
import { listExampleOf, testText } from './test-text.ts';

/** What a project is told besides the model. */
export interface PythonOptions {
  /** What pyproject.toml says of the SDK, such as `weir>=0.1,<0.2`. */
  readonly sdk: string;
  readonly enable: readonly string[];
  readonly outboundAllow: readonly string[];
}

const runtimeFolder = join(import.meta.dirname, 'runtime');

/** The files of a project in Python, by path. The same model makes the same bytes. */
export async function pythonFiles(
  model: ApiModel,
  { sdk, enable, outboundAllow }: PythonOptions,
): Promise<Map<string, string>> {
  const name = packageName(model.name);
  const modules = modulesOf(model);
  const values = valueTexts({
    ...model,
    about: 'What the API answers with, as its document describes it',
  });
  const policy = suggestedPolicy({
    provider: model.name,
    fields: model.contexts.flatMap(({ marked }) => marked),
  });
  const contexts = model.contexts.map(({ type, schema, open }) => [type, { schema, open }]);
  const inputs = model.operations.map(({ name: operation, input }) => [operation, input]);
  const inPackage: readonly (readonly [string, string])[] = [
    ['__init__.py', `"""A provider of context for Weir."""\n`],
    ['__main__.py', mainText(enable)],
    ['api.py', apiText(model, outboundAllow)],
    ['operations.py', operationsText(model.operations)],
    ['provider.py', providerText(model)],
    ['values.py', values.text],
    ['schemas/__init__.py', schemasText],
    ['schemas/contexts.json', json(Object.fromEntries(contexts))],
    ['schemas/definitions.json', json(model.definitions)],
    ['schemas/inputs.json', json(Object.fromEntries(inputs))],
    ['contexts/__init__.py', contextsText(modules)],
    ...modules.map((module): [string, string] => {
      const valueType = values.byContext.get(module.context.type) ?? 'Any';
      return [`contexts/${module.name}.py`, contextText(module, valueType)];
    }),
    ...(await runtimeFiles()),
  ];
  const { name: provider, version, title } = model;
  const libraries = ['aiohttp>=3.8', 'yarl>=1.8'];
  return new Map([
    ...packageFiles({ provider, version, title, package: name, libraries, sdk }),
    ['README.md', readmeText(model, name)],
    ...(policy === undefined ? [] : [['policy.yaml', policy] as const]),
    ...inPackage.map(([path, text]): [string, string] => [`${name}/${path}`, text]),
    ['tests/__init__.py', ''],
    ['tests/examples.json', json(model.contexts.flatMap(listExampleOf))],
    ['tests/test_provider.py', testText(name)],
  ]);
}

function modulesOf({ contexts }: ApiModel): readonly ContextModule[] {
  const take = createTaken();
  return contexts.map((context) => ({ context, name: take(snakeName(context.type)) }));
}

async function runtimeFiles(): Promise<[string, string][]> {
  const names = (await readdir(runtimeFolder)).filter((name) => name.endsWith('.py')).sort();
  return Promise.all(
    names.map(async (name): Promise<[string, string]> => {
      return [`runtime/${name}`, await readFile(join(runtimeFolder, name), 'utf8')];
    }),
  );
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
