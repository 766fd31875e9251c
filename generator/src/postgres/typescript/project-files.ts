import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { quoted } from '../../project/literal.ts';
import { suggestedPolicy } from '../../suggest/policy.ts';
import { compilerSettings, json, packageOf } from '../../typescript/project.ts';
import type { Model } from '../model.ts';
import { describeProvider } from '../open.ts';
import {
  type ContextFile,
  contextFiles,
  contextText,
  indexText,
  typesText,
} from './context-files.ts';
import { readmeText } from './readme.ts';

/** What a project is made from. */
export interface ProjectOptions {
  /** The provider's name. */
  readonly name: string;
  /** Where npm finds `@weir/sdk`. Default: `0.1.0`. */
  readonly sdk?: string | undefined;
  /** Whether the database is told of callers. Default: no. */
  readonly tellCaller?: boolean | undefined;
  /** Attributes of callers that it is told besides. Default: none. */
  readonly attributes?: readonly string[] | undefined;
}

const runtimeFolder = join(import.meta.dirname, '../runtime');

/** All files of a project in TypeScript that serves what a model describes. */
export async function projectFiles(
  model: Model,
  options: ProjectOptions,
): Promise<ReadonlyMap<string, string>> {
  const files = contextFiles(model);
  const policy = suggestedPolicy({ provider: options.name, fields: model.marked });
  return new Map([
    ['package.json', packageText(options)],
    ['tsconfig.json', json(compilerSettings)],
    ['.gitignore', 'node_modules/\n'],
    ['README.md', readmeText(model, options)],
    ...(policy === undefined ? [] : ([['policy.yaml', policy]] as const)),
    ['src/main.ts', mainText],
    ['src/provider.ts', providerText(model, options)],
    ['src/types.ts', typesText(files)],
    ['src/contexts/index.ts', indexText(files)],
    ...files.map((file) => contextEntry(file, model)),
    ...(await runtimeFiles()),
    ['test/provider.test.ts', testText],
  ]);
}

function contextEntry(file: ContextFile, { marked }: Model): [string, string] {
  return [`src/contexts/${file.file}.ts`, contextText(file, marked)];
}

/** The very files that `weir provider serve` runs. */
async function runtimeFiles(): Promise<[string, string][]> {
  const names = (await readdir(runtimeFolder)).filter((name) => !name.endsWith('.test.ts')).sort();
  return Promise.all(
    names.map(async (name): Promise<[string, string]> => {
      return [`src/runtime/${name}`, await readFile(join(runtimeFolder, name), 'utf8')];
    }),
  );
}

function packageText({ name, sdk = '0.1.0' }: ProjectOptions): string {
  const facts = { name, version: '1.0.0', description: `the database ${name}`, sdk };
  return json(
    packageOf({
      ...facts,
      dependencies: { pg: '8.23.1' },
      devDependencies: { '@types/pg': '8.23.1' },
    }),
  );
}

function providerText(model: Model, options: ProjectOptions): string {
  const { name, tellCaller = false, attributes = [] } = options;
  const told = tellCaller
    ? [
        '    // The database is told for whom it is asked, so that its row-level security can decide.',
        '    wantsPrincipal: true,',
        `    principalAttributes: [${attributes.map(quoted).join(', ')}],`,
      ]
    : [];
  return `import { defineProvider, type ProviderDefinition } from '@weir/sdk/provider';
import { tables } from './contexts/index.ts';
import { tableContext } from './runtime/context.ts';
import { openDatabase } from './runtime/database.ts';

/** The provider, and the database that it reads. */
export interface Opened extends AsyncDisposable {
  readonly provider: ProviderDefinition;
}

/**
 * Opens the database, for reading only, and makes the provider of it.
 *
 * @throws {Error} when the database cannot be reached, or its sessions are not read-only.
 */
export async function openProvider(url: string): Promise<Opened> {
  const database = openDatabase({
    url,
    maxConnections: 8,
    statementTimeoutMs: 4_000,
    lockTimeoutMs: 1_000,
    tellCaller: ${tellCaller},
    onFault: ({ text, error }) => console.error(text, error),
  });
  try {
    await database.check();
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
  const provider = defineProvider({
    name: ${quoted(name)},
    version: '1.0.0',
    title: ${quoted(model.database)},
    description: ${quoted(describeProvider(model))},
    tags: ['postgresql'],
    category: 'database',
    timeoutMs: 10_000,
${told.map((line) => `${line}\n`).join('')}    contexts: tables.map((table) => tableContext(database, table)),
  });
  return { provider, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
}
`;
}

const mainText = `import { serveProvider } from '@weir/sdk/provider';
import { openProvider } from './provider.ts';

/** The value of a variable that must be set. */
function required(name: string): string {
  const value = process.env[name];
  if (value) return value;
  console.error(\`\${name} is not set: see README.md\`);
  process.exit(2);
}

const url = process.env.WEIR_URL ?? 'http://127.0.0.1:7070';
const key = required('WEIR_KEY');
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());

await using opened = await openProvider(required('DATABASE_URL'));
await using running = await serveProvider(opened.provider, {
  url,
  key,
  // A project that was generated again is the same version with another manifest.
  replace: true,
  signal: stop.signal,
  onEvent: ({ kind, text }) => console.error(\`\${kind}: \${text}\`),
});
console.error(\`serving at \${running.url}\`);
await running.closed;
`;

const testText = `import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openTestProvider, type TestProvider } from '@weir/sdk/testing';
import { tables } from '../src/contexts/index.ts';
import { type Opened, openProvider } from '../src/provider.ts';

const url = process.env.DATABASE_URL;

describe('the provider', { skip: url ? false : 'set DATABASE_URL to a database to test with' }, () => {
  let opened: Opened;
  let provider: TestProvider;

  before(async () => {
    opened = await openProvider(url ?? '');
    provider = openTestProvider(opened.provider);
  });
  after(() => opened[Symbol.asyncDispose]());

  for (const table of tables) {
    test(\`\${table.type} is listed, and its rows are fetched by their keys\`, async () => {
      const { entries } = await provider.list(table.type, { pageSize: 3 });
      for (const { key } of entries) {
        const { value } = await provider.fetch(table.type, key);
        for (const column of Object.keys(table.columns)) {
          assert.ok(Object.hasOwn(Object(value), column), \`\${table.type}/\${key} has no \${column}\`);
        }
      }
      const outcome = await provider.query(table.type, 'no/such/key/at/all');
      assert.equal(outcome.kind, 'not-found');
    });
  }
});
`;
