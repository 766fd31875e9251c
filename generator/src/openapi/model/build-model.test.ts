import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OpenApiOptions, readOpenApi } from '../openapi.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-model-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function modelOf(document: object, options: Partial<OpenApiOptions> = {}) {
  const location = join(folder, 'api.json');
  const whole = { openapi: '3.1.0', info: { title: 'Pets', version: '2' }, ...document };
  await writeFile(location, JSON.stringify(whole));
  const { signal } = new AbortController();
  return readOpenApi({ location, server: 'https://api.example.com', signal, ...options });
}

const answers = (schema: object) => ({
  responses: { 200: { description: '', content: { 'application/json': { schema } } } },
});
const list = (element: object) => answers({ type: 'array', items: element });
const pet = { type: 'object', properties: { id: { type: 'string' }, name: { type: 'string' } } };
const query = (name: string, schema: object = { type: 'string' }) => ({
  name,
  in: 'query',
  schema,
});

test('a path that ends a line of code is refused', async () => {
  const path = '/pets/{id\n    ...[process.exit(1)], //}';
  await expect(modelOf({ paths: { [path]: { get: answers(pet) } } })).rejects.toThrow(
    'holds control characters',
  );
});

test('an operation whose server has no whole address is left out, and said', async () => {
  const own = (url: string) => ({
    paths: {
      '/pets/{id}': { get: answers(pet) },
      '/toys/{id}': { get: { ...answers(pet), servers: [{ url }] } },
    },
    servers: [{ url: 'https://api.example.com' }],
  });
  const whole = await modelOf(own('https://own.example.com/'), { server: undefined });
  expect(whole.contexts.map(({ type, request }) => [type, request.baseUrl])).toEqual([
    ['Pet', undefined],
    ['Toy', 'https://own.example.com'],
  ]);
  for (const url of [
    '/v2',
    'https://',
    'ftp://files.example.com',
    'https://{region}.example.com',
  ]) {
    const { contexts, notes } = await modelOf(own(url), { server: undefined });
    expect(contexts.map(({ type }) => type)).toEqual(['Pet']);
    expect(notes).toContainEqual({
      place: 'GET /toys/{id}',
      text: expect.stringMatching(/^is left out: its server /),
    });
  }
});

describe('a GET', () => {
  test('by a key is a context, that of the resource its list, and all else an operation', async () => {
    const model = await modelOf({
      paths: {
        '/pets': { get: list(pet), post: answers(pet) },
        '/pets/{petId}': { get: answers(pet), delete: {} },
        '/stores/{store}/orders/{id}.json': { get: answers(pet) },
        '/me': { get: answers(pet) },
        '/search/{kind}': {
          get: { ...answers(pet), parameters: [{ ...query('q'), required: true }] },
        },
      },
    });
    expect(model.contexts.map(({ type, keyParameters }) => [type, keyParameters])).toEqual([
      ['Pet', ['petId']],
      ['StoreOrder', ['store', 'id']],
    ]);
    expect(model.contexts[0]?.list?.spec).toMatchObject({ items: '', keyFields: ['id'] });
    expect(model.operations.map(({ name, reason }) => [name, reason])).toEqual([
      ['post_pets', 'it may change something'],
      ['delete_pets_petId', 'it may change something'],
      ['get_me', 'no part of its path is a key'],
      ['get_search_kind', 'it needs the parameter q'],
    ]);
    const flags = model.operations.map((each) => [
      each.readOnly,
      each.idempotent,
      each.destructive,
    ]);
    expect(flags.slice(0, 3)).toEqual([
      [false, false, false],
      [false, true, true],
      [true, true, false],
    ]);
  });

  test('of a taken name is numbered in the order of the document, and that is said', async () => {
    const paths = {
      '/v1/pets/{id}': { get: answers(pet) },
      '/v2/pets/{id}': { get: answers(pet) },
    };
    const model = await modelOf({ paths });
    expect(model.contexts.map(({ type }) => type)).toEqual(['Pet', 'Pet2']);
    expect(model.notes.filter(({ text }) => text.includes('is called'))).toEqual([
      { place: 'GET /v2/pets/{id}', text: 'the type is called Pet2, since Pet is taken' },
    ]);
    const prefixed = await modelOf({ paths }, { typePrefix: 'Zoo', include: ['/v1/*'] });
    expect(prefixed.contexts.map(({ type }) => type)).toEqual(['ZooPet']);
  });
});

describe('a list is paged', () => {
  const body = (...names: string[]) => {
    const texts = names.map((name) => [
      name,
      { type: 'string', format: name.includes('url') ? 'uri' : undefined },
    ]);
    return {
      type: 'object',
      properties: { data: { type: 'array', items: pet }, ...Object.fromEntries(texts) },
    };
  };
  test.each([
    [[query('page', { type: 'integer' })], body(), { kind: 'page', parameter: 'page', first: 1 }],
    [[query('offset', { type: 'integer' })], body(), { kind: 'offset', parameter: 'offset' }],
    [
      [query('cursor')],
      body('next_cursor'),
      { kind: 'cursor', parameter: 'cursor', next: '/next_cursor' },
    ],
    [
      [query('pageToken')],
      body('nextPageToken'),
      { kind: 'cursor', parameter: 'pageToken', next: '/nextPageToken' },
    ],
    [[query('starting_after')], body(), { kind: 'lastKey', parameter: 'starting_after' }],
    [
      [query('page', { type: 'integer' })],
      body('next_page_url'),
      { kind: 'nextUrl', next: '/next_page_url' },
    ],
    [[], body(), { kind: 'none' }],
  ])('%#', async (parameters, schema, pagination) => {
    const size = query('per_page', { type: 'integer', maximum: 30 });
    const model = await modelOf({
      paths: {
        '/pets': { get: { ...answers(schema), parameters: [...parameters, size] } },
        '/pets/{id}': { get: answers(pet) },
      },
    });
    expect(model.contexts[0]?.list?.spec).toMatchObject({
      items: '/data',
      pagination,
      pageSize: { parameter: 'per_page', max: 30 },
    });
  });
});

describe('a schema of 3.0', () => {
  const schemaOf = async (schema: object, more: object = {}) => {
    const components = {
      schemas: { Tree: { properties: { up: { $ref: '#/components/schemas/Tree' } } }, ...more },
    };
    const model = await modelOf({
      ...{ openapi: '3.0.3', components },
      paths: { '/a/{id}': { get: answers(schema) } },
    });
    return { schema: model.contexts[0]?.schema, model };
  };

  test.each([
    [{ type: 'string', nullable: true }, { type: ['string', 'null'] }],
    [
      { type: 'string', enum: ['a'], nullable: true },
      { type: ['string', 'null'], enum: ['a', null] },
    ],
    [
      { type: 'integer', minimum: 1, exclusiveMinimum: true },
      { type: 'integer', exclusiveMinimum: 1 },
    ],
    [
      { type: 'string', example: 'x' },
      { type: 'string', examples: ['x'] },
    ],
    [{ type: 'string', pattern: '(a+)+$', xml: {}, 'x-own': 1 }, { type: 'string' }],
    [{ required: true, type: 'nonsense' }, {}],
    [
      { properties: { a: { type: 'string', writeOnly: true } }, required: ['a', 'b'] },
      { properties: { a: { type: 'string', writeOnly: true } }, required: ['b'] },
    ],
    [
      { allOf: [{ $ref: '#/components/schemas/Tree' }], nullable: true },
      { anyOf: [{ allOf: [{ $ref: '#/$defs/Tree' }] }, { type: 'null' }] },
    ],
  ])('%j becomes %j', async (given, expected) => {
    expect((await schemaOf(given)).schema).toEqual(expected);
  });

  test('that holds itself is a definition', async () => {
    const { schema, model } = await schemaOf({ $ref: '#/components/schemas/Tree' });
    expect(schema).toEqual({ $ref: '#/$defs/Tree' });
    expect(model.definitions).toEqual({ Tree: { properties: { up: { $ref: '#/$defs/Tree' } } } });
  });

  test('with a discriminator says which alternative has which value', async () => {
    const cat = { $ref: '#/components/schemas/Cat' };
    const mapping = { cat: '#/components/schemas/Cat' };
    const given = { oneOf: [cat], discriminator: { propertyName: 'kind', mapping } };
    const { schema } = await schemaOf(given, { Cat: { type: 'object' } });
    expect(schema).toEqual({
      oneOf: [{ allOf: [{ $ref: '#/$defs/Cat' }, { properties: { kind: { enum: ['cat'] } } }] }],
    });
  });

  test('that is made of itself is left open', async () => {
    const loop = { allOf: [{ $ref: '#/components/schemas/Loop' }] };
    const { model } = await schemaOf({ $ref: '#/components/schemas/Loop' }, { Loop: loop });
    expect(model.contexts[0]?.open).toEqual(['Loop']);
  });

  test('that would be larger than Weir takes leaves the farthest open', async () => {
    const wide = (next: string) => ({
      type: 'object',
      properties: Object.fromEntries(
        Array.from({ length: 900 }, (_, index) => [
          `p${index}`,
          { $ref: `#/components/schemas/${next}` },
        ]),
      ),
    });
    const more = { A: wide('B'), B: wide('C'), C: wide('A') };
    const { model } = await schemaOf({ $ref: '#/components/schemas/A' }, more);
    expect(model.contexts[0]?.open).toEqual(['B']);
    expect(model.notes.map(({ text }) => text).join()).toMatch(/leaves B open/);
  });
});

describe('who calls', () => {
  const paths = { '/a/{id}': { get: { ...answers(pet), security: [{ main: [] }, {}] } } };
  const withScheme = (main: object) => ({ paths, components: { securitySchemes: { main } } });

  test.each([
    [
      { type: 'apiKey', in: 'cookie', name: 'k' },
      { kind: 'apiKey', in: 'cookie', name: 'k' },
    ],
    [{ type: 'http', scheme: 'Basic' }, { kind: 'basic' }],
    [{ type: 'http', scheme: 'bearer' }, { kind: 'bearer' }],
    [
      {
        type: 'oauth2',
        flows: { clientCredentials: { tokenUrl: 'https://x.example/t', scopes: {} } },
      },
      { kind: 'clientCredentials', tokenUrl: 'https://x.example/t' },
    ],
    [
      { type: 'openIdConnect', openIdConnectUrl: 'https://x.example/.well-known' },
      { kind: 'clientCredentials', isDiscovery: true },
    ],
  ])('is told by %j', async (scheme, credential) => {
    const { credentials, contexts } = await modelOf(withScheme(scheme));
    expect(credentials.main).toMatchObject({ ...credential, secret: 'secret://pets-main' });
    expect(contexts[0]?.request.security).toEqual([['main'], []]);
  });

  test('cannot be told by a certificate, and that is said', async () => {
    const { credentials, notes } = await modelOf(withScheme({ type: 'mutualTLS' }));
    expect(credentials).toEqual({});
    expect(notes[0]?.text).toBe('mutualTLS is not supported');
  });

  test('is told by the secret that is named', async () => {
    const scheme = withScheme({ type: 'http', scheme: 'bearer' });
    const { credentials } = await modelOf(scheme, { secrets: { main: 'secret://mine' } });
    expect(credentials.main?.secret).toBe('secret://mine');
    await expect(modelOf(scheme, { secrets: { other: 'secret://x' } })).rejects.toThrow(
      /there is no security scheme other; there are: main/,
    );
  });
});

describe('the address', () => {
  const variables = { region: { default: 'eu', enum: ['eu', 'us'] } };
  const servers = [{ url: 'https://{region}.example.com/v1/', variables }, { url: '/relative' }];
  const paths = { '/a/{id}': { get: answers(pet) } };
  const baseUrl = async (options: Partial<OpenApiOptions>) =>
    (await modelOf({ servers, paths }, { server: undefined, ...options })).baseUrl;

  test('is that of the first server, with its variables', async () => {
    expect(await baseUrl({})).toBe('https://eu.example.com/v1');
    expect(await baseUrl({ serverVariables: { region: 'us' } })).toBe('https://us.example.com/v1');
    await expect(baseUrl({ serverVariables: { region: 'x' } })).rejects.toThrow(/may be eu, us/);
  });

  test('has to be whole', async () => {
    await expect(baseUrl({ server: '2' })).rejects.toThrow(/no whole address/);
    await expect(baseUrl({ server: '9' })).rejects.toThrow(/names 2 servers/);
  });
});

test('what of 3.2 cannot be read is said, and the rest is read', async () => {
  const model = await modelOf({
    openapi: '3.2.0',
    paths: { '/pets/{id}': { get: answers(pet), query: answers(pet), additionalOperations: {} } },
  });
  expect(model.counts).toMatchObject({ version: '3.2.0', contexts: 1 });
  const told = model.notes.map(({ text }) => text).filter((text) => text.includes('3.2'));
  expect(told.map((text) => text.split(' ')[0])).toEqual(['query', 'additionalOperations']);
});

test('fields that look personal or secret are marked, through references and lists', async () => {
  const person = {
    type: 'object',
    properties: { email: { type: 'string' }, password: { type: 'string' } },
  };
  const model = await modelOf({
    components: { schemas: { Person: person } },
    paths: {
      '/teams/{id}': {
        get: answers({
          properties: {
            members: { type: 'array', items: { $ref: '#/components/schemas/Person' } },
          },
        }),
      },
    },
  });
  expect(model.contexts[0]).toMatchObject({
    sensitivity: 'restricted',
    marked: [
      { pointer: '/members/*/email' },
      { pointer: '/members/*/password', treatment: 'drop' },
    ],
  });
});

test.each([
  [{ paths: {} }, /nothing to offer/],
  [{ paths: { '/a': { get: 'x' } } }, /is no operation/],
  [{ paths: { '/a/{id}': { get: { ...answers(pet), parameters: [{}] } } } }, /needs name and in/],
  [{ paths: { '/a/{id}': { get: answers({ $ref: '#/nowhere' }) } } }, /refers to #\/nowhere/],
  [{ paths: { '/a/{id}': { get: answers({ properties: { a: 7 } }) } } }, /is no schema/],
])('%j is refused', async (document, message) => {
  await expect(modelOf(document)).rejects.toThrow(message);
});
