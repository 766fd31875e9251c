import type { Tool } from '@modelcontextprotocol/client';
import { expect, test } from 'vitest';
import { definitionsOf } from './definitions.ts';
import { folded, review } from './review.ts';

const tool = (name: string, more: Partial<Tool> = {}): Tool => ({
  ...{ name, description: 'Reads.', inputSchema: { type: 'object' } },
  ...more,
});

function reviewOf(tools: readonly Tool[], options: Partial<Parameters<typeof review>[1]> = {}) {
  const definitions = definitionsOf({ tools, prompts: [], templates: [], hasResources: false });
  return review(definitions, { pins: {}, approved: {}, owners: new Map(), ...options });
}

test('a definition is the same in whatever order its members stand', () => {
  const one = tool('a', { inputSchema: { type: 'object', properties: { x: {}, y: {} } } });
  const other = tool('a', { inputSchema: { properties: { y: {}, x: {} }, type: 'object' } });
  const { pins } = reviewOf([one]);
  expect(reviewOf([other], { pins }).held).toEqual([]);
});

test.each<[string, Partial<Tool>]>([
  ['description', { description: 'Reads, and more.' }],
  ['title', { title: 'Read' }],
  ['schema', { inputSchema: { type: 'object', required: ['x'] } }],
  ['output', { outputSchema: { type: 'object' } }],
  ['hint', { annotations: { readOnlyHint: true } }],
])('another %s waits, and what is approved is that alone', (_, more) => {
  const { pins } = reviewOf([tool('a')]);
  const changed = reviewOf([tool('a', more)], { pins });
  expect(changed.offered).toEqual([]);
  expect(changed.held).toMatchObject([{ name: 'a', reason: expect.stringContaining('changed') }]);
  // What was offered stays what it is compared with.
  expect(changed.pins).toEqual(pins);

  const approved = { a: changed.held[0]?.hash ?? '' };
  const accepted = reviewOf([tool('a', more)], { pins, approved });
  expect(accepted.offered).toHaveLength(1);
  const again = tool('a', { ...more, description: 'Once more.' });
  expect(reviewOf([again], { pins: accepted.pins, approved }).held).toHaveLength(1);
});

test('a name that another has is taken, unless it was there before', () => {
  const owners = new Map([[folded('read_file'), 'files']]);
  const { held } = reviewOf([tool('readFile')], { owners });
  expect(held).toMatchObject([{ reason: 'has the name of a tool of files' }]);
  const { pins } = reviewOf([tool('readFile')]);
  expect(reviewOf([tool('readFile')], { owners, pins }).held).toEqual([]);
});

test('what no manifest holds stays out, approved or not', () => {
  const large = tool('a', { description: 'x'.repeat(20_000) });
  const { held } = reviewOf([large]);
  expect(held[0]?.reason).toBe('has a description of more than 16384 characters');
  const approved = { a: held[0]?.hash ?? '' };
  expect(reviewOf([large], { approved }).held).toHaveLength(1);
  const many = Array.from({ length: 1_001 }, (_, i) => tool(`t${i}`));
  expect(reviewOf(many).offered).toHaveLength(1_000);
});

test('a tool and a prompt of one name have two in a manifest', () => {
  const [one, other] = definitionsOf({
    ...{ tools: [tool('a b')], prompts: [{ name: 'a b' }], templates: [], hasResources: false },
  });
  expect([one?.name, other?.name]).toEqual(['a_b', 'a_b.prompt']);
  expect(other?.target.name).toBe('a b');
});
