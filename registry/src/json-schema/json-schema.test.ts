import { readdir, readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import { expect, test } from 'vitest';
import { schemaFaults, schemaLimits } from './json-schema.ts';

const folder = new URL('../../types/', import.meta.url);
const names = (await readdir(folder)).map((file) => file.replace('.schema.json', ''));

async function builtIn(name: string) {
  return JSON.parse(await readFile(new URL(`${name}.schema.json`, folder), 'utf8'));
}

/** Every member of every `properties`, with its path. */
function* properties(value: unknown, path = ''): Generator<[string, Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    if (name === 'examples') continue;
    if (path.endsWith('/properties')) yield [`${path}/${name}`, member];
    yield* properties(member, `${path}/${name}`);
  }
}

test('the built-in types are all there', () => {
  expect(names.toSorted()).toEqual(
    [
      'BPMN',
      'DocChunk',
      'LogEntry',
      'Metric',
      'PageDSL',
      'Principal',
      'Resource',
      'SQLSchema',
      'SaaSRecord',
    ].toSorted(),
  );
});

test.each(names)('%s is accepted, and its examples are valid', async (name) => {
  const schema = await builtIn(name);
  expect(schemaFaults(schema)).toEqual([]);
  expect(schema.$id).toBe(`urn:weir:type:${name}:1.0.0`);
  expect(schema.description).toMatch(/Key: /);
  const ajv = new Ajv2020({
    strict: true,
    allErrors: true,
    formats: fullFormats,
    allowUnionTypes: true,
    strictRequired: false,
  });
  const validate = ajv.compile(schema);
  expect(schema.examples.length).toBeGreaterThanOrEqual(2);
  for (const example of schema.examples) {
    validate(example);
    expect(validate.errors).toBeNull();
    // A resource is whatever its source has.
    const takesAny = name === 'Resource';
    expect(validate({ ...example, unknownMember: 1 })).toBe(takesAny);
  }
});

test.each(names)('%s describes every property', async (name) => {
  const schema = await builtIn(name);
  const silent = [...properties(schema)].filter(
    ([path, { description, $ref }]) =>
      description === undefined && $ref === undefined && !/\/(if|then)\//.test(path),
  );
  expect(silent).toEqual([]);
  const definitions = Object.entries<{ description?: string }>(schema.$defs ?? {});
  expect(definitions.filter(([, definition]) => !definition.description)).toEqual([]);
});

const list = (length: number, item: (index: number) => unknown) =>
  Array.from({ length }, (_, i) => item(i));
const nested = (depth: number) => {
  let schema = {};
  for (let level = 0; level < depth; level += 1) schema = { not: schema };
  return schema;
};
const cyclic: Record<string, unknown> = {};
cyclic.not = cyclic;
const doubling = Object.fromEntries(
  list(60, (i) => [
    `d${i}`,
    { allOf: [{ $ref: `#/$defs/d${Number(i) + 1}` }, { $ref: `#/$defs/d${Number(i) + 1}` }] },
  ]) as [string, unknown][],
);
const manyProperties = (count: number) => ({
  properties: Object.fromEntries(list(count, (i) => [`p${i}`, true]) as [string, unknown][]),
});

test.each<[string, unknown]>([
  ['anything', true],
  ['nothing', false],
  ['no keywords', {}],
  ['the dialect', { $schema: 'https://json-schema.org/draft/2020-12/schema' }],
  ['recursion below a property', { properties: { child: { $ref: '#' } } }],
  ['an anchor', { $defs: { a: { $anchor: 'here' } }, items: { $ref: '#here' } }],
  ['escaped pointers', { $defs: { 'a/b%': {} }, items: { $ref: '#/$defs/a~1b%25' } }],
  ['properties that are called like keywords', { properties: { $ref: {}, $async: {}, id: {} } }],
  ['enums that look like schemas', { enum: [{ $ref: 'http://example.com' }, { type: 'x' }] }],
  ['unknown keywords', { 'x-order': 1 }],
  ['many properties', manyProperties(1999)],
])('accepts %s', (_, schema) => {
  expect(schemaFaults(schema)).toEqual([]);
});

test.each<[string, unknown, string, string]>([
  ['text', 'object', '', 'must be a JSON Schema'],
  ['a list', [], '', 'must be a JSON Schema'],
  ['undefined', undefined, '', 'not a JSON value'],
  ['NaN', { minimum: Number.NaN }, '/minimum', 'not a JSON value'],
  ['a date', { default: new Date(0) }, '/default', 'not a JSON value'],
  ['an unknown type', { type: 'text' }, '/type', 'use one of array'],
  ['a list of items', { items: [{}] }, '/items', '`prefixItems`'],
  [
    'required inside',
    { properties: { a: { required: true } } },
    '/properties/a/required',
    'beside `properties`',
  ],
  ['a negative length', { minLength: -1 }, '/minLength', 'must be >= 0'],
  [
    'another dialect',
    { $schema: 'http://json-schema.org/draft-07/schema#' },
    '/$schema',
    'write https',
  ],
  [
    'a remote reference',
    { items: { $ref: 'https://example.com/a.json' } },
    '/items/$ref',
    'nothing is ever fetched',
  ],
  ['a file reference', { $ref: 'file:///etc/passwd' }, '/$ref', 'nothing is ever fetched'],
  ['a missing definition', { $ref: '#/$defs/a' }, '/$ref', 'define #/$defs/a'],
  ['a reference to no schema', { $ref: '#/enum/0', enum: [{}] }, '/$ref', 'leads to no schema'],
  ['an inner id', { $defs: { a: { $id: 'urn:a' } } }, '/$defs/a/$id', 'only at the root'],
  ['a repeated anchor', { $anchor: 'a', items: { $anchor: 'a' } }, '/items/$anchor', 'used twice'],
  ['a dynamic reference', { $dynamicRef: '#a' }, '/$dynamicRef', 'use $ref'],
  ['asynchronous validation', { $async: true }, '/$async', 'remove it'],
  ['nullable', { nullable: true }, '/nullable', 'add "null" to type'],
  ['a loop', { $ref: '#' }, '', 'refers back to itself'],
  [
    'a loop of two',
    { $defs: { a: { not: { $ref: '#/$defs/b' } }, b: { anyOf: [{ $ref: '#/$defs/a' }] } } },
    '/$defs/a',
    'refers back to itself',
  ],
  ['doubling references', { $defs: { ...doubling, d60: {} } }, '/$defs/d48', 'looks at one value'],
  [
    'a bad pattern',
    { properties: { a: { pattern: '(a+)+' } } },
    '/properties/a/pattern',
    'exponential',
  ],
  [
    'a bad property pattern',
    { patternProperties: { '(': true } },
    '/patternProperties/(',
    'does not compile',
  ],
  [
    'too many patterns',
    { anyOf: list(40, (i) => ({ pattern: `${i}${'a'.repeat(250)}` })) },
    '/anyOf/32/pattern',
    'one pattern too many',
  ],
  [
    '__proto__',
    JSON.parse('{"properties":{"__proto__":{}}}'),
    '/properties/__proto__',
    'rename it',
  ],
  ['a long name', { properties: { ['a'.repeat(300)]: {} } }, '/properties', 'shorten it'],
  [
    'a large schema',
    { description: 'a'.repeat(schemaLimits.sizeBytes) },
    '',
    'larger than 262144 bytes',
  ],
  ['a large list', { enum: list(200_000, (i) => i) }, '', 'larger than'],
  ['a hole of a list', { enum: new Array(1e9) }, '', 'larger than'],
  ['50,000 properties', manyProperties(50_000), '', 'larger than'],
  ['2,001 properties', manyProperties(2_001), '', 'more than 2000'],
  ['depth 2,000', nested(2_000), '/not'.repeat(64), 'deeper than 64'],
  ['depth 200,000', nested(200_000), '/not'.repeat(64), 'deeper than 64'],
  ['a cycle of objects', cyclic, '/not'.repeat(64), 'deeper than 64'],
  ['a list of objects as type', { type: list(20_000, (i) => ({ i })) }, '/type', 'is not a type'],
])('refuses %s', (_, schema, path, text) => {
  const before = performance.now();
  const faults = schemaFaults(schema);
  expect(performance.now() - before).toBeLessThan(5_000);
  const fault = faults.find((one) => one.path === path);
  expect(fault, JSON.stringify(faults).slice(0, 1000)).toBeDefined();
  expect(fault?.text).toContain(text);
});

test('tells several faults at once, and not more than the limit', () => {
  expect(schemaFaults({ minLength: -1, maxLength: 'a' })).toHaveLength(2);
  const schema = { anyOf: list(100, () => ({ $ref: 'https://example.com' })) };
  expect(schemaFaults(schema)).toHaveLength(schemaLimits.faults);
});
