import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTestApi } from '../../../test/open-test-api.ts';
import { DocumentError } from './document-error.ts';
import { readDocument } from './read-document.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-read-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const head = 'openapi: 3.1.0\ninfo: { title: T, version: "1" }\n';

async function read(files: Record<string, string>, more: { allowExternal?: boolean } = {}) {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, text);
  }
  return readLocation(join(folder, Object.keys(files)[0] ?? ''), more);
}

async function readLocation(
  location: string,
  { allowExternal = false, outboundAllow = [] as readonly string[] } = {},
) {
  const { signal } = new AbortController();
  return readDocument({ location, allowExternal, outboundAllow, signal });
}

describe('what cannot be read is told with its place', () => {
  test.each([
    ['a fault of YAML', `${head}paths: {\n`, /:\d+:\d+: /],
    ['a fault of JSON', '{ "openapi": "3.0.0",, }', /:1:\d+: /],
    ['no version', 'info: {}\n', /#\/openapi: no version; write one of 3\.0/],
    ['another version', 'openapi: 4.0.0\n', /#\/openapi: the version "4\.0\.0"; write one of/],
    ['no object', '- a\n', /it is no object/],
    ['what is too deep', `${'['.repeat(300)}${']'.repeat(300)}`, /deeper than 200 levels/],
    ['an anchor that holds itself', `${head}a: &a [*a]\n`, /deeper than|anchors|repeated/],
    [
      'anchors that multiply',
      `${head}${Array.from({ length: 12 }, (_, i) => `a${i}: &a${i} [${`*a${i - 1}, `.repeat(i && 9)}]`).join('\n')}\n`,
      /write the repeated part out|more than 2000000 lists/,
    ],
  ])('%s', async (_, text, message) => {
    await expect(read({ 'api.yaml': text })).rejects.toThrow(message);
    await expect(read({ 'api.yaml': text })).rejects.toThrow(DocumentError);
  });

  test('a file that is not there, or is a folder', async () => {
    await expect(readLocation(join(folder, 'none.yaml'))).rejects.toThrow(/ENOENT/);
    await expect(readLocation(folder)).rejects.toThrow(DocumentError);
  });
});

describe('references to other files', () => {
  const files = {
    'api.yaml': `${head}paths: { /pets: { $ref: paths/pets.yaml } }\n`,
    'paths/pets.yaml':
      'get: { responses: { "200": { content: { application/json: { schema: { $ref: "../models/pet.yaml" } } } } } }\n',
    'models/pet.yaml':
      'type: object\nproperties: { mother: { $ref: "#" }, owner: { $ref: "owner.yaml#/Owner" } }\n',
    'models/owner.yaml': 'Owner: { properties: { pets: { items: { $ref: pet.yaml } } } }\n',
  };

  test('are followed when that is allowed, also around in circles', async () => {
    const document = await read(files, { allowExternal: true });
    const pet = document.follow({ $ref: '#/x-weir-external/1' }, '');
    expect(document.follow({ $ref: '#/x-weir-external/1/properties/mother' }, '')).toEqual(pet);
    expect(document.fileOf('/x-weir-external/2/Owner').pointer).toBe('/Owner');
    expect(document.placeOf('/x-weir-external/2/Owner')).toMatch(/owner\.yaml#\/Owner$/);
  });

  test('are refused otherwise, each with its line', async () => {
    await expect(read(files)).rejects.toThrow(
      /#\/paths\/~1pets \(line 3\): refers to paths\/pets\.yaml, outside of it; allow/,
    );
  });

  test.each([
    ['../secret.yaml', /lies outside of/],
    ['/etc/passwd', /lies outside of/],
    ['none.yaml', /ENOENT/],
    ['file:///etc/passwd', /no file and no URL/],
    ['http://127.0.0.1:1/x.yaml', /cannot be fetched/],
  ])('to %s lead nowhere', async (reference, message) => {
    await writeFile(join(folder, 'secret.yaml'), 'a: 1\n');
    const text = `${head}paths: { /a: { $ref: "${reference}" } }\n`;
    await expect(read({ 'inner/api.yaml': text }, { allowExternal: true })).rejects.toThrow(
      message,
    );
  });
});

test('a document is got from an address that may be called', async () => {
  await using server = await openTestApi(({ url }) => {
    const body = `${head}paths: { /pets: { $ref: "pets.yaml" } }\n`;
    return url === '/v1/api.yaml'
      ? { body }
      : url === '/v1/pets.yaml'
        ? { body: 'get: {}' }
        : { status: 404 };
  });
  const location = `${server.url}/v1/api.yaml`;
  await expect(readLocation(location)).rejects.toThrow(/cannot be fetched/);
  expect(server.asked).toEqual([]);
  const allowed = { allowExternal: true, outboundAllow: ['loopback'] };
  const document = await readLocation(location, allowed);
  expect(document.fileOf('/x-weir-external/0').file).toBe(`${server.url}/v1/pets.yaml`);
  await expect(readLocation(`${server.url}/none`, allowed)).rejects.toThrow(/with status 404/);
});
