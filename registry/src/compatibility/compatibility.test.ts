import { Ajv2020 } from 'ajv/dist/2020.js';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import { expect, test } from 'vitest';
import { schemaFaults } from '../json-schema/json-schema.ts';
import { isObject } from '../json-schema/tree.ts';
import { checkCompatibility } from './compatibility.ts';
import {
  type Chance,
  changed,
  createChance,
  likelyValue,
  randomSchema,
  randomValue,
} from './random.ts';

const closed = (properties: object, required: string[] = []) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});
const open = (properties: object, required: string[] = []) => ({
  type: 'object',
  properties,
  required,
});
const text = { type: 'string' };
const number = { type: 'number' };
const tagged = (tag: string, more: object = {}) =>
  closed({ tag: { const: tag }, ...more }, ['tag']);
const tree = (value: object) => ({
  $defs: { node: closed({ value, children: { type: 'array', items: { $ref: '#/$defs/node' } } }) },
  $ref: '#/$defs/node',
});
const mutual = (value: object) => ({
  $defs: {
    a: open({ b: { $ref: '#/$defs/b' } }),
    b: open({ a: { $ref: '#/$defs/a' }, value }),
  },
  $ref: '#/$defs/a',
});

const when = (condition: object, consequence: object) =>
  Object.fromEntries([
    ['if', condition],
    ['then', consequence],
  ]);

/** What a change keeps: backward, forward, both or none. */
type Kept = 'backward' | 'forward' | 'full' | 'none';

const cases: readonly [name: string, older: unknown, newer: unknown, kept: Kept][] = [
  ['nothing changes', closed({ a: text }), closed({ a: text }), 'full'],
  [
    'annotations change',
    { ...text, title: 'A', 'x-order': 1 },
    { ...text, description: 'B', examples: ['b'] },
    'full',
  ],
  ['anything to a type', true, text, 'forward'],
  ['nothing to a type', false, text, 'backward'],
  ['no keywords to true', {}, true, 'full'],

  ['a type changes', text, number, 'none'],
  ['integer to number', { type: 'integer' }, number, 'backward'],
  ['number to integer', number, { type: 'integer' }, 'forward'],
  [
    'number with multiples of 1 to integer',
    { type: 'integer', multipleOf: 2 },
    { type: 'integer' },
    'backward',
  ],
  ['a type is added', text, { type: ['string', 'null'] }, 'backward'],
  ['types are reordered', { type: ['null', 'string'] }, { type: ['string', 'null'] }, 'full'],
  ['number and integer to number', { type: ['number', 'integer'] }, number, 'full'],

  ['a property becomes required', open({ a: text }), open({ a: text }, ['a']), 'forward'],
  ['a property becomes optional', open({ a: text }, ['a']), open({ a: text }), 'backward'],
  [
    'an optional property is added to a closed type',
    closed({ a: text }),
    closed({ a: text, b: text }),
    'backward',
  ],
  [
    'a required property is added to a closed type',
    closed({ a: text }),
    closed({ a: text, b: text }, ['b']),
    'none',
  ],
  [
    'an optional property is added to an open type',
    open({ a: text }),
    open({ a: text, b: text }),
    'forward',
  ],
  [
    'a property of any value is added to an open type',
    open({ a: text }),
    open({ a: text, b: {} }),
    'full',
  ],
  [
    'a property is removed from a closed type',
    closed({ a: text, b: text }),
    closed({ a: text }),
    'forward',
  ],
  [
    'a property is removed from an open type',
    open({ a: text, b: text }),
    open({ a: text }),
    'backward',
  ],
  [
    'a property is removed from a type open to such values',
    { ...open({ b: text }), additionalProperties: text },
    { ...open({}), additionalProperties: text },
    'full',
  ],
  ['a closed type is opened', closed({ a: text }), open({ a: text }), 'backward'],
  ['an open type is closed', open({ a: text }), closed({ a: text }), 'forward'],
  [
    'closed by unevaluatedProperties instead',
    closed({ a: text }),
    { ...open({ a: text }), unevaluatedProperties: false },
    'full',
  ],
  [
    'a property moves into allOf under unevaluatedProperties',
    { ...open({ a: text, b: text }), unevaluatedProperties: false },
    {
      type: 'object',
      allOf: [{ properties: { a: text } }],
      properties: { b: text },
      unevaluatedProperties: false,
    },
    'full',
  ],
  [
    'a property is added through allOf under unevaluatedProperties',
    { ...open({ a: text }), unevaluatedProperties: false },
    { ...open({ a: text }), allOf: [{ properties: { b: text } }], unevaluatedProperties: false },
    'backward',
  ],
  [
    'a value of additionalProperties is widened',
    { additionalProperties: { type: 'integer' } },
    { additionalProperties: number },
    'backward',
  ],
  [
    'a pattern takes what properties had',
    closed({ ab: text }),
    { type: 'object', patternProperties: { '^a': text }, additionalProperties: false },
    'backward',
  ],
  [
    'a pattern is narrowed',
    { patternProperties: { '^a': number } },
    { patternProperties: { '^a': { type: 'integer' } } },
    'forward',
  ],
  ['property names are limited', {}, { propertyNames: { maxLength: 3 } }, 'forward'],
  [
    'property names are limited in a closed type that fits',
    closed({ abc: text }),
    { ...closed({ abc: text }), propertyNames: { maxLength: 3 } },
    'full',
  ],
  [
    'minProperties below the required ones',
    open({}, ['a', 'b']),
    { ...open({}, ['a', 'b']), minProperties: 2 },
    'full',
  ],
  [
    'maxProperties of a closed type',
    closed({ a: text }),
    { ...closed({ a: text }), maxProperties: 1 },
    'full',
  ],
  ['maxProperties is lowered', { maxProperties: 5 }, { maxProperties: 4 }, 'forward'],
  ['a dependency is added', {}, { dependentRequired: { a: ['b'] } }, 'forward'],
  [
    'a dependency on what is required',
    open({}, ['b']),
    { ...open({}, ['b']), dependentRequired: { a: ['b'] } },
    'full',
  ],
  [
    'required follows a dependency',
    { ...open({}, ['a']), dependentRequired: { a: ['b'] } },
    open({}, ['a', 'b']),
    'full',
  ],
  [
    'a dependent schema is widened',
    { dependentSchemas: { a: open({ b: { type: 'integer' } }) } },
    { dependentSchemas: { a: open({ b: number }) } },
    'backward',
  ],

  ['an enum grows', { enum: ['a'] }, { enum: ['b', 'a'] }, 'backward'],
  ['an enum shrinks', { enum: ['a', 'b'] }, { enum: ['a'] }, 'forward'],
  ['an enum is reordered', { enum: ['a', 'b'] }, { enum: ['b', 'a'] }, 'full'],
  ['const to enum', { const: 'a' }, { enum: ['a', 'b'] }, 'backward'],
  ['enum of one to const', { enum: ['a'] }, { const: 'a' }, 'full'],
  ['enum to a type', { enum: ['a', 'b'] }, text, 'backward'],
  [
    'enum to a pattern that takes it',
    { enum: ['ab', 'ac'] },
    { type: 'string', pattern: '^a' },
    'backward',
  ],
  [
    'enum to a length that does not take it',
    { enum: ['a', 'abc'] },
    { type: 'string', maxLength: 2 },
    'none',
  ],
  [
    'enum values that the type excludes do not count',
    { type: 'string', enum: ['a', 1] },
    { enum: ['a'] },
    'full',
  ],
  ['enum of objects', { enum: [{ a: 1, b: 2 }] }, { enum: [{ b: 2, a: 1 }] }, 'full'],
  ['boolean to enum', { type: 'boolean' }, { enum: [true, false] }, 'full'],
  ['boolean to const', { type: 'boolean' }, { const: true }, 'forward'],
  ['null to const', { type: 'null' }, { const: null }, 'full'],

  [
    'minimum is lowered',
    { type: 'number', minimum: 1 },
    { type: 'number', minimum: 0 },
    'backward',
  ],
  ['maximum is added', number, { type: 'number', maximum: 9 }, 'forward'],
  [
    'minimum to exclusiveMinimum',
    { type: 'number', minimum: 1 },
    { type: 'number', exclusiveMinimum: 1 },
    'forward',
  ],
  [
    'exclusiveMinimum of integers to minimum',
    { type: 'integer', exclusiveMinimum: 0 },
    { type: 'integer', minimum: 1 },
    'full',
  ],
  [
    'exclusiveMaximum of integers to maximum',
    { type: 'integer', exclusiveMaximum: 9.5 },
    { type: 'integer', maximum: 9 },
    'full',
  ],
  [
    'multipleOf divides the older',
    { type: 'integer', multipleOf: 6 },
    { type: 'integer', multipleOf: 3 },
    'backward',
  ],
  [
    'multipleOf does not divide the older',
    { type: 'integer', multipleOf: 4 },
    { type: 'integer', multipleOf: 3 },
    'none',
  ],
  ['a bound of numbers on text', text, { type: 'string', minimum: 3 }, 'full'],
  [
    'maxLength is raised',
    { type: 'string', maxLength: 3 },
    { type: 'string', maxLength: 4 },
    'backward',
  ],
  ['minLength is added', text, { type: 'string', minLength: 1 }, 'forward'],
  ['minLength of 0 is added', text, { type: 'string', minLength: 0 }, 'full'],
  ['a pattern is added', text, { type: 'string', pattern: '^a' }, 'forward'],
  [
    'a pattern changes',
    { type: 'string', pattern: '^a' },
    { type: 'string', pattern: '^b' },
    'none',
  ],
  ['a format goes', { type: 'string', format: 'date' }, text, 'backward'],
  ['an unknown keyword changes', { unit: 's' }, { unit: 'ms' }, 'none'],
  ['an unknown keyword goes', { unit: 's' }, {}, 'backward'],

  [
    'items are widened',
    { type: 'array', items: { type: 'integer' } },
    { type: 'array', items: number },
    'backward',
  ],
  ['items are limited', { type: 'array' }, { type: 'array', items: text }, 'forward'],
  ['minItems is raised', { type: 'array', minItems: 1 }, { type: 'array', minItems: 2 }, 'forward'],
  ['uniqueItems is asked for', { type: 'array' }, { type: 'array', uniqueItems: true }, 'forward'],
  [
    'uniqueItems of one item',
    { type: 'array', maxItems: 1 },
    { type: 'array', maxItems: 1, uniqueItems: true },
    'full',
  ],
  [
    'a tuple to a list',
    { type: 'array', prefixItems: [text, text], items: false },
    { type: 'array', items: text },
    'backward',
  ],
  [
    'a tuple grows',
    { type: 'array', prefixItems: [text], items: false },
    { type: 'array', prefixItems: [text, number], items: false },
    'backward',
  ],
  [
    'a closed tuple has a length',
    { type: 'array', prefixItems: [text], items: false },
    { type: 'array', items: text, maxItems: 1 },
    'full',
  ],
  [
    'an open tuple grows',
    { type: 'array', prefixItems: [text] },
    { type: 'array', prefixItems: [text, number] },
    'forward',
  ],
  [
    'contains is widened',
    { type: 'array', contains: { type: 'integer' } },
    { type: 'array', contains: number },
    'backward',
  ],
  ['contains is asked for', { type: 'array' }, { type: 'array', contains: text }, 'forward'],
  [
    'maxContains is raised',
    { type: 'array', contains: text, maxContains: 1 },
    { type: 'array', contains: text, maxContains: 2 },
    'backward',
  ],
  [
    'unevaluatedItems closes',
    { type: 'array', prefixItems: [text] },
    { type: 'array', prefixItems: [text], unevaluatedItems: false },
    'forward',
  ],

  ['anyOf is reordered', { anyOf: [text, number] }, { anyOf: [number, text] }, 'full'],
  ['anyOf grows', { anyOf: [text] }, { anyOf: [text, number] }, 'backward'],
  ['a type to anyOf', text, { anyOf: [{ type: 'null' }, text] }, 'backward'],
  ['types to anyOf', { type: ['string', 'null'] }, { anyOf: [{ type: 'null' }, text] }, 'full'],
  ['types to oneOf', { type: ['string', 'null'] }, { oneOf: [{ type: 'null' }, text] }, 'full'],
  [
    'anyOf to a type that takes all',
    { anyOf: [{ enum: ['a'] }, { type: 'string', minLength: 3 }] },
    text,
    'backward',
  ],
  [
    'an alternative is widened',
    { anyOf: [text, { type: 'integer' }] },
    { anyOf: [number, text] },
    'backward',
  ],
  ['oneOf is reordered', { oneOf: [text, number] }, { oneOf: [number, text] }, 'full'],
  [
    'oneOf of overlapping alternatives stays',
    { oneOf: [{ minimum: 1 }, { maximum: 5 }] },
    { oneOf: [{ maximum: 5 }, { minimum: 1 }] },
    'full',
  ],
  [
    'oneOf grows apart',
    { oneOf: [tagged('a'), tagged('b')] },
    { oneOf: [tagged('a'), tagged('b'), tagged('c')] },
    'backward',
  ],
  [
    'an alternative of oneOf grows',
    { oneOf: [tagged('a'), tagged('b')] },
    { oneOf: [tagged('a', { n: text }), tagged('b')] },
    'backward',
  ],
  [
    'oneOf grows by an overlap',
    { oneOf: [{ type: 'integer' }] },
    { oneOf: [{ type: 'integer' }, number] },
    'none',
  ],
  ['oneOf to anyOf', { oneOf: [text, number] }, { anyOf: [text, number] }, 'full'],
  [
    'allOf is unfolded',
    { allOf: [text, { minLength: 1 }] },
    { type: 'string', minLength: 1 },
    'full',
  ],
  [
    'allOf is reordered',
    { allOf: [text, { minLength: 1 }] },
    { allOf: [{ minLength: 1 }, text] },
    'full',
  ],
  ['allOf grows', { allOf: [text] }, { allOf: [text, { minLength: 1 }] }, 'forward'],
  ['not stays', { not: { required: ['a'] } }, { not: { required: ['a'] } }, 'full'],
  ['not is narrowed', { not: number }, { not: { type: 'integer' } }, 'backward'],
  ['not of another type', text, { type: 'string', not: number }, 'full'],
  ['not is added', text, { type: 'string', not: { const: 'a' } }, 'forward'],
  [
    'if stays, then is widened',
    when(open({}, ['a']), open({ b: { type: 'integer' } })),
    when(open({}, ['a']), open({ b: number })),
    'backward',
  ],
  ['if is added', {}, when(open({}, ['a']), open({}, ['b'])), 'forward'],

  [
    'a definition is used',
    closed({ a: text }),
    { $defs: { t: text }, ...closed({ a: { $ref: '#/$defs/t' } }) },
    'full',
  ],
  [
    'a definition is renamed',
    { $defs: { a: text }, $ref: '#/$defs/a' },
    { $defs: { b: text }, $ref: '#/$defs/b' },
    'full',
  ],
  [
    'a definition changes under the same name',
    { $defs: { a: text }, items: { $ref: '#/$defs/a' } },
    { $defs: { a: number }, items: { $ref: '#/$defs/a' } },
    'none',
  ],
  [
    'a definition by anchor',
    { items: text },
    { items: { $ref: '#t' }, $defs: { x: { $anchor: 't', ...text } } },
    'full',
  ],
  [
    'keywords beside $ref',
    { $defs: { a: text }, $ref: '#/$defs/a', minLength: 1 },
    { type: 'string', minLength: 1 },
    'full',
  ],
  ['a tree stays', tree(text), { ...tree(text), title: 'Tree' }, 'full'],
  ['a tree is widened', tree({ type: 'integer' }), tree(number), 'backward'],
  ['a tree breaks', tree(text), tree(number), 'none'],
  ['mutual references are widened', mutual({ type: 'integer' }), mutual(number), 'backward'],
  ['mutual references break', mutual(text), mutual(number), 'none'],
  [
    'a tree is unrolled once',
    tree(text),
    closed({ value: text, children: { type: 'array', items: true } }),
    'backward',
  ],
];

test.each(cases)('%s', (_, older, newer, kept) => {
  const keeps = (mode: 'backward' | 'forward') => kept === mode || kept === 'full';
  const backward = checkCompatibility(older, newer, 'backward');
  const forward = checkCompatibility(older, newer, 'forward');
  expect({ backward: backward.length === 0, forward: forward.length === 0 }).toEqual({
    backward: keeps('backward'),
    forward: keeps('forward'),
  });
  expect(checkCompatibility(older, newer, 'full').length === 0).toBe(kept === 'full');
  expect(checkCompatibility(older, newer, 'none')).toEqual([]);
  expect(checkCompatibility(newer, older, 'forward').length).toBe(backward.length);
});

test('faults name the place in the newer version, the reason and the mend', () => {
  const item = (n: object, required: string[]) => ({
    $defs: { item: closed({ n }, required) },
    ...closed({ items: { type: 'array', items: { $ref: '#/$defs/item' } } }),
  });
  expect(checkCompatibility(item({ type: 'integer' }, []), item(text, ['n']), 'backward')).toEqual([
    {
      path: '/$defs/item/required',
      text: 'values of the older version may lack the property "n", which the newer version requires; make it optional',
    },
    {
      path: '/$defs/item/properties/n/type',
      text: 'values of the older version may be integer, which the newer version does not allow; keep allowing integer',
    },
  ]);
  expect(checkCompatibility(closed({ a: text }), closed({ a: text, b: text }), 'forward')).toEqual([
    {
      path: '/properties/b',
      text: 'values of the newer version may have the property "b", which the older version does not allow; the older version is closed to it: do not add it',
    },
  ]);
  const [fault] = checkCompatibility(open({}), open({ a: text }), 'backward');
  expect(fault?.path).toBe('/properties/a');
  expect(fault?.text).toContain('allow any value for it');
});

test('an alternative that breaks is told by the one that comes closest', () => {
  const older = { oneOf: [tagged('a', { n: text }), tagged('b')] };
  const newer = { oneOf: [tagged('b'), tagged('a', { n: number })] };
  expect(checkCompatibility(older, newer, 'backward').map(({ path }) => path)).toEqual([
    '/oneOf/1/properties/n/type',
  ]);
});

test('what is no accepted schema cannot be compared', () => {
  expect(checkCompatibility({}, { type: 'text' }, 'backward')[0]?.path).toBe('/type');
  expect(checkCompatibility({ $ref: '#' }, {}, 'backward')[0]?.text).toContain('the older version');
});

const list = (count: number, item: (index: number) => unknown) =>
  Array.from({ length: count }, (_, index) => item(index));
const chain = (length: number, end: object) => ({
  $ref: '#/$defs/d0',
  $defs: Object.fromEntries(
    list(length, (i) => [
      `d${i}`,
      open({
        next: i === length - 1 ? end : { $ref: `#/$defs/d${Number(i) + 1}` },
        all: { $ref: '#/$defs/d0' },
      }),
    ]) as [string, unknown][],
  ),
});

test.each<[string, unknown, unknown]>([
  [
    'many alternatives',
    { anyOf: list(900, (i) => ({ ...text, minLength: Number(i) + 2 })) },
    { anyOf: list(900, (i) => ({ ...text, minLength: Number(i) + 1 })) },
  ],
  [
    'alternatives of alternatives',
    { allOf: list(20, (i) => ({ anyOf: [open({ [`a${i}`]: text }), open({ [`b${i}`]: text })] })) },
    {
      allOf: list(20, (i) => ({
        anyOf: [open({ [`a${i}`]: number }), open({ [`b${i}`]: number })],
      })),
    },
  ],
  ['a long way through references', chain(600, text), chain(600, number)],
  [
    'long lists by position',
    { prefixItems: list(900, () => text) },
    { prefixItems: list(900, () => number) },
  ],
  ['a large enum', { enum: list(15_000, (i) => i) }, { enum: list(15_000, (i) => -Number(i)) }],
])('ends soon, and refuses, with %s', (_, older, newer) => {
  const before = performance.now();
  expect(checkCompatibility(older, newer, 'full')).not.toEqual([]);
  expect(performance.now() - before).toBeLessThan(20_000);
});

function randomPair(chance: Chance): [older: unknown, newer: unknown] {
  const $defs = { r: randomSchema(chance, 1) };
  const whole = (schema: unknown) => (isObject(schema) ? { $defs, ...schema } : schema);
  const older = whole(randomSchema(chance, 3));
  return [older, whole(changed(chance, chance.is(0.5) ? older : changed(chance, older, 3), 3))];
}

function retitled(schema: unknown): unknown {
  return isObject(schema) ? { ...schema, title: 'again' } : schema;
}

function validatorOf(schema: unknown): (value: unknown) => boolean | undefined {
  const ajv = new Ajv2020({
    strict: false,
    logger: false,
    formats: fullFormats,
    validateSchema: false,
  });
  const validate = ajv.compile(schema as object);
  return (value) => {
    try {
      return validate(value);
    } catch {
      // ajv writes wrong code for some combinations with unevaluatedProperties.
      return undefined;
    }
  };
}

/** A value that is valid under the older and not under the newer schema, if one is found. */
function counterexample(
  chance: Chance,
  older: unknown,
  newer: unknown,
): { value: unknown } | undefined {
  const isOld = validatorOf(older);
  const isNew = validatorOf(newer);
  for (let round = 0; round < 20; round += 1) {
    const values = [
      randomValue(chance, 3),
      likelyValue(chance, older, older, 3),
      likelyValue(chance, newer, newer, 3),
    ];
    for (const value of values)
      if (isOld(value) === true && isNew(value) === false) return { value };
  }
  return undefined;
}

test('what is let pass is sure: no value is found that breaks it', { timeout: 120_000 }, () => {
  const found = { passed: 0, refused: 0, broken: 0 };
  for (let seed = 1; seed <= 700; seed += 1) {
    const chance = createChance(seed);
    const [older, newer] = randomPair(chance);
    if (schemaFaults(older).length > 0 || schemaFaults(newer).length > 0) continue;
    expect(checkCompatibility(older, retitled(older), 'full'), `seed ${seed}`).toEqual([]);
    const passes = checkCompatibility(older, newer, 'backward').length === 0;
    const example = counterexample(chance, older, newer);
    expect(
      passes && example,
      `seed ${seed}: ${JSON.stringify({ older, newer, example })}`,
    ).toBeFalsy();
    found[passes ? 'passed' : example === undefined ? 'refused' : 'broken'] += 1;
  }
  // The search is worth something only if it does find breaks, and changes that are none.
  expect(found.broken).toBeGreaterThan(50);
  expect(found.passed).toBeGreaterThan(200);
});
