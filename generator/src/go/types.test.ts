import { expect, test } from 'vitest';
import { freeName, goFile, goName } from './names.ts';
import { createTypes } from './types.ts';

test.each([
  ['customer_id', 'CustomerID'],
  ['userEmailAddress', 'UserEmailAddress'],
  ['href-url', 'HrefURL'],
  ['1st', 'X1st'],
  ['größe', 'Größe'],
  ['名前', 'X名前'],
  ['$', 'X'],
  ['func', 'Func'],
])('%s is called %s', (name, called) => {
  expect(goName(name)).toBe(called);
});

test('names that are taken are numbered; no file means a system or a test', () => {
  const taken = new Set(['A']);
  expect([freeName('A', taken), freeName('A', taken)]).toEqual(['A2', 'A3']);
  expect(goFile('BootLinuxTest', new Set())).toBe('bootlinuxtest');
});

test('an object is a struct, aligned as gofmt does', () => {
  const types = createTypes();
  types.declare(types.reserve('Thing'), {
    type: 'object',
    description: 'A thing.',
    properties: {
      id: { type: 'integer' },
      long_name: { type: ['string', 'null'] },
      size: { type: 'number', description: 'How large.' },
      tags: { type: 'array', items: { type: 'string' } },
      'not"taggable': { type: 'string' },
      any: {},
      inner: { type: 'object', properties: { a: { type: 'boolean' } } },
      counts: { type: 'object', additionalProperties: { type: 'integer' } },
    },
    required: ['id', 'long_name', 'size'],
  });
  expect(types.take()).toBe(`// Thing: A thing.
type Thing struct {
	ID       int64   \`json:"id"\`
	LongName *string \`json:"long_name"\`
	// Size: How large.
	Size   float64          \`json:"size"\`
	Tags   []string         \`json:"tags,omitempty"\`
	Any    any              \`json:"any,omitempty"\`
	Inner  *ThingInner      \`json:"inner,omitempty"\`
	Counts map[string]int64 \`json:"counts,omitempty"\`
}

type ThingInner struct {
	A *bool \`json:"a,omitempty"\`
}
`);
  expect(types.take()).toBe('');
});

test('what refers to itself ends, and what is made of several has the members of all', () => {
  const types = createTypes({
    definitions: {
      node: {
        type: 'object',
        properties: { next: { $ref: '#/$defs/node' }, kind: { $ref: '#/$defs/kind' } },
      },
      kind: { type: 'string', enum: ['a', 'b'] },
      loop: { $ref: '#/$defs/loop' },
    },
  });
  types.declare(types.reserve('Node'), { $ref: '#/$defs/node' });
  const list = types.reserve('Leaf');
  types.declare(list, {
    allOf: [
      { $ref: '#/$defs/node' },
      { type: 'object', properties: { leaf: { oneOf: [{ type: 'string' }, { type: 'number' }] } } },
    ],
  });
  types.declare(types.reserve('Loop'), { $ref: '#/$defs/loop' });
  expect(types.take()).toBe(`type Node struct {
	Next *Node   \`json:"next,omitempty"\`
	Kind *string \`json:"kind,omitempty"\`
}

type Leaf struct {
	Next *Node   \`json:"next,omitempty"\`
	Kind *string \`json:"kind,omitempty"\`
	Leaf any     \`json:"leaf,omitempty"\`
}

type Loop any
`);
});

test('a number that int64 does not hold is any', () => {
  const types = createTypes();
  types.declare(types.reserve('Large'), { type: 'integer', maximum: 2 ** 64 });
  types.declare(types.reserve('Small'), { type: 'integer', maximum: 2 ** 31 });
  expect(types.take()).toBe('type Large any\n\ntype Small int64\n');
});
