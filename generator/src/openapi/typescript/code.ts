import { commentText, literal, quoted } from '../../project/literal.ts';
import type { ApiModel, ContextModel, OperationModel } from '../model/model.ts';
import { defaultTtlMs } from '../provider.ts';

/** The name of the file of a context, without its ending. */
export function fileNameOf({ type }: ContextModel): string {
  return type.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
}

function functionNameOf({ type }: ContextModel): string {
  return `define${type}`;
}

/** `src/contexts/NAME.ts`. */
export function contextText(context: ContextModel, valueType: string): string {
  const { type, title, description, request, keyParameters, list, sensitivity, marked } = context;
  const names = ['Api', ...(list ? ['listItems'] : [])];
  const why = marked.slice(0, 3).map(({ pointer, reason }) => `${pointer} (${reason})`);
  const more = marked.length > 3 ? `, and ${marked.length - 3} more` : '';
  const lines = [
    "import { type ContextDefinition, defineContext } from '@weir/sdk/provider';",
    "import type { Api } from '../runtime/api.ts';",
    "import { fetchItem } from '../runtime/fetch.ts';",
    ...(names.includes('listItems') ? ["import { listItems } from '../runtime/list.ts';"] : []),
    "import { schemaOf } from '../schemas.ts';",
    `import type { ${valueType} } from '../types.ts';`,
    '',
    `/** ${commentText(`${title}. ${description}`)} */`,
    `export function ${functionNameOf(context)}(api: Api): ContextDefinition {`,
    `  return defineContext<${valueType}>({`,
    `    type: ${quoted(type)},`,
    "    version: '1.0.0',",
    `    title: ${quoted(title)},`,
    `    schema: schemaOf(${quoted(type)}),`,
    '    // How long a value counts as true when the API does not say, in milliseconds.',
    `    ttlMs: ${String(defaultTtlMs).replace(/(\d)(\d{3})$/, '$1_$2')},`,
    ...(sensitivity
      ? [
          `    // Since it holds ${commentText(why.join(', '))}${more}.`,
          `    sensitivity: ${quoted(sensitivity)},`,
        ]
      : []),
    `    // The key is ${commentText(keyParameters.map((name) => `<${name}>`).join('/'))}.`,
    `    fetch: fetchItem(api, ${literal({ request, keyParameters }, 4)}),`,
    ...(list
      ? [
          `    // Pages: ${commentText(list.reason)}.`,
          `    list: listItems(api, ${literal(list.spec, 4)}),`,
        ]
      : []),
    '  });',
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

/** `src/provider.ts`. */
export function providerText({ name, version, title, description, contexts }: ApiModel): string {
  const lines = [
    "import { defineProvider, type ProviderDefinition } from '@weir/sdk/provider';",
    ...contexts.map(
      (each) => `import { ${functionNameOf(each)} } from './contexts/${fileNameOf(each)}.ts';`,
    ),
    "import { defineOperations } from './operations.ts';",
    "import type { Api } from './runtime/api.ts';",
    '',
    '/** The provider. Of the operations it offers those that are named. */',
    'export function createProvider(api: Api, enabledOperations: readonly string[]): ProviderDefinition {',
    '  return defineProvider({',
    `    name: ${quoted(name)},`,
    `    version: ${quoted(version)},`,
    `    title: ${quoted(title)},`,
    `    description: ${quoted(description)},`,
    "    category: 'api',",
    '    // A request may take 10 s (src/api.ts); it may need a token before.',
    '    timeoutMs: 15_000,',
    '    contexts: [',
    ...contexts.map((each) => `      ${functionNameOf(each)}(api),`),
    '    ],',
    '    operations: defineOperations(api, enabledOperations),',
    '  });',
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

/** `src/operations.ts`. */
export function operationsText(operations: readonly OperationModel[]): string {
  const lines = [
    "import { defineOperation, type OperationDefinition } from '@weir/sdk/provider';",
    "import type { Api } from './runtime/api.ts';",
    "import { chosenNames } from './runtime/names.ts';",
    "import { callOperation } from './runtime/operation.ts';",
    "import type { RequestSpec } from './runtime/request.ts';",
    "import { inputOf } from './schemas.ts';",
    '',
    '/** What can be done besides fetching. None of it is offered unless it is named. */',
    'interface Operation {',
    '  readonly title: string;',
    '  readonly description: string;',
    '  readonly readOnly: boolean;',
    '  readonly idempotent: boolean;',
    '  readonly destructive: boolean;',
    '  readonly request: RequestSpec;',
    '}',
    '',
    '/** All operations by name, each with the reason why it is no context. */',
    'export const operations: Readonly<Record<string, Operation>> = {',
    ...operations.flatMap(operationLines),
    '};',
    '',
    '/**',
    ' * The operations that names mean; `*` stands for any text.',
    ' *',
    ' * @throws {TypeError} for a name that means none.',
    ' */',
    'export function defineOperations(api: Api, enabled: readonly string[]): OperationDefinition[] {',
    '  return chosenNames(Object.keys(operations), enabled).flatMap((name) => {',
    '    const operation = operations[name];',
    '    if (!operation) return [];',
    '    const { request, ...told } = operation;',
    '    const input = inputOf(name);',
    '    return [defineOperation({ name, ...told, input, call: callOperation(api, request) })];',
    '  });',
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

function operationLines(operation: OperationModel): string[] {
  const { name, title, description, reason, readOnly, idempotent, destructive, request } =
    operation;
  const told = { title, description, readOnly, idempotent, destructive, request };
  return [
    `  // ${request.method} ${commentText(request.path)}: ${commentText(reason)}.`,
    `  ${quoted(name)}: ${literal(told, 2)},`,
  ];
}

/** `src/schemas.ts`. */
export function schemasText(): string {
  return `import { readFileSync } from 'node:fs';
import type { JsonSchema } from '@weir/sdk/provider';
import { type Definitions, withDefinitions } from './runtime/schema.ts';

interface ContextSchema {
  readonly schema: JsonSchema;
  /** Definitions that allow any value here: with them it would be larger than Weir takes. */
  readonly open: readonly string[];
}

const read = (name: string) => JSON.parse(readFileSync(new URL(\`../schemas/\${name}\`, import.meta.url), 'utf8'));
const contexts: Readonly<Record<string, ContextSchema>> = read('contexts.json');
const definitions: Definitions = read('definitions.json');
const inputs: Definitions = read('inputs.json');

/** The schema of a context's values. */
export function schemaOf(type: string): JsonSchema {
  const { schema = {}, open = [] } = contexts[type] ?? {};
  return withDefinitions(schema, definitions, open);
}

/** The schema of an operation's arguments. */
export function inputOf(operation: string): JsonSchema {
  return inputs[operation] ?? { type: 'object' };
}
`;
}

/** `src/api.ts`. */
export function apiText(
  { baseUrl, credentials }: ApiModel,
  outboundAllow: readonly string[],
): string {
  const allow = outboundAllow.length > 0 ? outboundAllow.join(',') : 'none';
  return `import { type Api, createApi } from './runtime/api.ts';
import type { CredentialSpec } from './runtime/credentials.ts';
import { openSecrets } from './runtime/secrets.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where the API is. */
export const baseUrl = ${quoted(baseUrl)};

/** How it is told who calls. Only references to secrets stand here, never a secret. */
export const credentials: Readonly<Record<string, CredentialSpec>> = ${literal(credentials)};

/** Opens the API, with settings from the environment. */
export function openApi(env: Environment): Api {
  const allowed = (env.WEIR_OUTBOUND_ALLOW ?? ${quoted(allow)}).split(',').map((each) => each.trim());
  return createApi({
    baseUrl: env.API_BASE_URL ?? baseUrl,
    isMoved: env.API_BASE_URL !== undefined,
    credentials,
    secrets: openSecrets(env),
    outboundAllow: allowed.filter((each) => each !== '' && each !== 'none'),
    // The time for one request, in milliseconds, and the largest answer read, in bytes.
    timeoutMs: 10_000,
    maxBytes: 16 * 1024 * 1024,
  });
}
`;
}

/** `src/main.ts`. */
export function mainText(enable: readonly string[]): string {
  return `import { serveProvider } from '@weir/sdk/provider';
import { openApi } from './api.ts';
import { createProvider } from './provider.ts';

const { WEIR_URL = 'http://127.0.0.1:7070', WEIR_KEY, ENABLED_OPERATIONS = ${quoted(enable.join(','))} } = process.env;
if (!WEIR_KEY) throw new Error('set WEIR_KEY to a key of Weir that may register');

const enabled = ENABLED_OPERATIONS.split(',').map((name) => name.trim()).filter(Boolean);
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

const running = await serveProvider(createProvider(openApi(process.env), enabled), {
  url: WEIR_URL,
  key: WEIR_KEY,
  // A project that was generated again is the same version with another manifest.
  replace: true,
  signal: stop.signal,
});
console.log(\`serving at \${running.url}\`);
await running.closed;
`;
}

/** `test/provider.test.ts`. */
export function testText(): string {
  return `import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { openTestProvider } from '@weir/sdk/testing';
import { credentials } from '../src/api.ts';
import { operations } from '../src/operations.ts';
import { createProvider } from '../src/provider.ts';
import { createApi } from '../src/runtime/api.ts';

interface Example {
  readonly type: string;
  readonly key: string;
  readonly path: string;
  readonly body: unknown;
}

// What the document shows of each type, or a sample of its schema.
const examples: readonly Example[] = JSON.parse(
  readFileSync(new URL('examples.json', import.meta.url), 'utf8'),
);
const bodies = new Map(examples.map(({ path, body }) => [path, JSON.stringify(body)]));
const secret = 'user:not-a-secret';

// The API: it knows the examples, and wants to be told who calls.
const server = createServer((request, response) => {
  const body = bodies.get(request.url ?? '');
  if (body === undefined) response.writeHead(404).end();
  else response.writeHead(200, { 'content-type': 'application/json', etag: '"1"' }).end(body);
});
before(() => once(server.listen(0, '127.0.0.1'), 'listening'));
after(() => server.close());

const openProvider = (enabled: readonly string[]) => {
  const { port } = server.address() as AddressInfo;
  const plain = Object.keys(credentials).map((name) => [name, { kind: 'bearer', secret: 'secret://test' }]);
  const api = createApi({
    baseUrl: \`http://127.0.0.1:\${port}\`,
    isMoved: true,
    credentials: Object.fromEntries(plain),
    secrets: () => secret,
    outboundAllow: ['loopback'],
  });
  return createProvider(api, enabled);
};
const names = Object.keys(operations);
// A provider offers something: without contexts an operation.
const enabled = examples.length > 0 ? [] : names.slice(0, 1);

for (const { type, key, body } of examples) {
  test(\`\${type} is fetched by its key\`, async () => {
    const provider = openTestProvider(openProvider(enabled));
    const found = await provider.fetch(type, key);
    assert.deepEqual(found.value, body);
    assert.equal(found.etag, '"1"');
    const absent = await provider.query(type, key.replace(/[^/]+$/, 'not-there'));
    assert.equal(absent.kind, 'not-found');
  });
}

test('operations are off until they are enabled', () => {
  assert.equal(openProvider(enabled).operations.length, enabled.length);
  assert.throws(() => openProvider(['no such operation']), TypeError);
  for (const name of names) assert.equal(openProvider([name]).operations[0]?.name, name);
});
`;
}
