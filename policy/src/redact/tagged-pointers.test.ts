import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { createRedactor } from './redactor.ts';
import { taggedPointers } from './tagged-pointers.ts';
import { obligationsOf, testHashKey } from './test-obligations.ts';

const pii = { type: 'string', 'x-weir-tags': ['pii'] };
// As text, for an object with a member `then` can be taken for a promise.
const conditional: JsonObject = JSON.parse(
  `{"if":{},"then":{"properties":{"a":${JSON.stringify(pii)}}},"else":{"properties":{"b":${JSON.stringify(pii)}}}}`,
);
const pointersOf = (schema: JsonObject) => Object.fromEntries(taggedPointers(schema));

describe('where a schema tags fields', () => {
  test.each<[string, JsonObject, string[]]>([
    ['properties', { properties: { a: pii, b: {} } }, ['/a']],
    ['names that need escapes', { properties: { 'a/b~c': pii } }, ['/a~1b~0c']],
    ['items', { properties: { a: { items: { properties: { b: pii } } } } }, ['/a/*/b']],
    ['prefixItems', { prefixItems: [{}, pii] }, ['/1']],
    ['items as they were before 2020-12', { items: [pii, {}], additionalItems: pii }, ['/*', '/0']],
    ['additionalProperties', { additionalProperties: pii }, ['/*']],
    ['unevaluatedProperties', { unevaluatedProperties: pii }, ['/*']],
    ['patternProperties', { patternProperties: { '^x-': pii } }, ['/*']],
    ['contains', { contains: pii }, ['/*']],
    ['allOf', { allOf: [{ properties: { a: pii } }, true] }, ['/a']],
    [
      'anyOf and oneOf',
      { anyOf: [{ properties: { a: pii } }], oneOf: [{ properties: { b: pii } }] },
      ['/a', '/b'],
    ],
    ['if, then and else', conditional, ['/a', '/b']],
    ['dependentSchemas', { dependentSchemas: { a: { properties: { b: pii } } } }, ['/b']],
    ['the whole', pii, ['']],
    [
      'an object and what lies in it',
      { properties: { a: { ...pii, properties: { b: pii } } } },
      ['/a', '/a/b'],
    ],
    ['a local reference', { properties: { a: { $ref: '#/$defs/A' } }, $defs: { A: pii } }, ['/a']],
    [
      'a reference with tags beside it',
      { properties: { a: { $ref: '#/$defs/A', 'x-weir-tags': ['pii'] } }, $defs: { A: {} } },
      ['/a'],
    ],
    [
      'an anchor',
      { properties: { a: { $ref: '#here' } }, $defs: { A: { $anchor: 'here', ...pii } } },
      ['/a'],
    ],
    [
      'a reference by the schema’s own id',
      {
        $id: 'https://x.test/s',
        properties: { a: { $ref: 'https://x.test/s#/$defs/A' } },
        $defs: { A: pii },
      },
      ['/a'],
    ],
    [
      'escapes in references',
      { properties: { a: { $ref: '#/$defs/A~1%20B' } }, $defs: { 'A/ B': pii } },
      ['/a'],
    ],
    ['one tag alone', { properties: { a: { 'x-weir-tags': 'pii' } } }, ['/a']],
  ])('%s', (_, schema, wanted) => expect(pointersOf(schema)).toEqual({ pii: wanted }));

  test('each tag has its own', () => {
    const schema = {
      properties: { a: { 'x-weir-tags': ['pii', 'pay'] }, b: { 'x-weir-tags': ['pay'] } },
    };
    expect(pointersOf(schema)).toEqual({ pii: ['/a'], pay: ['/a', '/b'] });
  });

  test.each<[string, JsonObject]>([
    ['definitions that nobody uses', { $defs: { A: pii } }],
    ['what is no schema', { properties: { a: 1 }, items: null, allOf: 'x', default: { b: pii } }],
    ['what is no tag', { properties: { a: { 'x-weir-tags': [1, null, {}] } } }],
    [
      'references elsewhere',
      { properties: { a: { $ref: 'https://x.test/s' } }, $defs: { A: pii } },
    ],
    [
      'references to nothing',
      { properties: { a: { $ref: '#/$defs/None' }, b: { $ref: '#%zz' } }, $defs: { A: pii } },
    ],
  ])('not in %s', (_, schema) => expect(pointersOf(schema)).toEqual({}));
});

describe('schemas that hold themselves', () => {
  const tree: JsonObject = {
    properties: { name: pii, size: { type: 'number' }, children: { items: { $ref: '#' } } },
  };

  test('fields are followed some levels down, and below that the whole is tagged', () => {
    const found = pointersOf(tree).pii ?? [];
    expect(found).toContain('/name');
    expect(found).toContain('/children/*/name');
    expect(found).toContain(`${'/children/*'.repeat(6)}/name`);
    expect(found).toContain('/children/*'.repeat(7));
  });

  test('so that nothing slips through, however deep', () => {
    const nested = (depth: number): JsonObject =>
      depth === 0 ? { name: 'Lin' } : { name: 'Lin', size: depth, children: [nested(depth - 1)] };
    const tags = taggedPointers(tree);
    const redactor = createRedactor(
      obligationsOf({ case: 'mask', value: { fields: { tags: ['pii'] } } }),
      { tagged: (tag) => tags.get(tag) ?? [], hashKey: testHashKey },
    );
    for (const depth of [0, 5, 30]) {
      const given = Buffer.from(JSON.stringify(nested(depth)));
      const { payload } = redactor.value(given, 'application/json') ?? {};
      expect(Buffer.from(payload ?? given).toString()).not.toContain('Lin');
      expect(Buffer.from(payload ?? given).toString()).toContain(`"name":"***"`);
    }
  });

  test('where nothing is tagged, nothing is', () => {
    expect(
      pointersOf({
        properties: { a: pii, b: { $ref: '#/$defs/B' } },
        $defs: { B: { items: { $ref: '#/$defs/B' } } },
      }),
    ).toEqual({ pii: ['/a'] });
  });

  test('many ways back take few pointers', () => {
    const properties = Object.fromEntries(
      Array.from({ length: 30 }, (_, at) => [`p${at}`, { $ref: '#' }]),
    );
    const found = pointersOf({ properties: { ...properties, name: pii } }).pii ?? [];
    expect(found.length).toBeLessThan(2_100);
    expect(found).toContain('/name');
    for (const path of ['/p3/p4', '/p0']) {
      expect(found.some((pointer) => path.startsWith(pointer) || pointer === `${path}/name`)).toBe(
        true,
      );
    }
  });

  test('a loop of references alone ends', () => {
    const schema = {
      properties: { a: { $ref: '#/$defs/A' } },
      $defs: { A: { $ref: '#/$defs/B', ...pii }, B: { $ref: '#/$defs/A' } },
    };
    expect(pointersOf(schema)).toEqual({ pii: ['/a'] });
  });
});

test('a schema that is too large or too deep is tagged as a whole', () => {
  const wide = Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`p${at}`, pii]));
  expect(pointersOf({ properties: wide })).toEqual({ pii: [''] });
  let deep: JsonObject = pii;
  for (let at = 0; at < 2_000; at++) deep = { properties: { a: deep } };
  expect(pointersOf(deep)).toEqual({ pii: ['/a'.repeat(32)] });
});
