import { Code } from '@connectrpc/connect';
import { InputKind } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { OperationKind } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  askedOf,
  openUpstreamWorld,
  resultOf,
  serverProgram,
  stdio,
  type UpstreamWorld,
} from './upstream-world.ts';

let world: UpstreamWorld;
const all = [InputKind.FORM, InputKind.SAMPLING, InputKind.ROOTS];

beforeAll(async () => {
  world = await openUpstreamWorld();
  await world.write([stdio('everything', [serverProgram('server-everything'), 'stdio'])]);
  await world.tools('everything');
});

afterAll(() => world?.[Symbol.asyncDispose]());

test('the tools and prompts of a server are in the catalogue, and can be called', async () => {
  const { tools } = world.client;
  const { tools: listed } = await tools.listTools({ provider: 'everything', pageSize: 1000 });
  const sum = listed.find(({ operation }) => operation?.name === 'get-sum');
  expect(sum?.name).toBe('everything__get-sum');
  expect(sum?.operation?.inputSchema).toMatchObject({ type: 'object', required: ['a', 'b'] });
  const prompts = listed.filter(({ operation }) => operation?.kind === OperationKind.PROMPT);
  expect(prompts.length).toBeGreaterThan(0);

  const [result] = await world.call('everything__get-sum', { a: 2, b: 3 });
  expect(resultOf(result).content[0].text).toContain('5');
  const [prompt] = await world.call('everything__args-prompt', { city: 'Oslo' });
  expect(resultOf(prompt).messages[0].content.text).toContain('Oslo');
  const told = await world.call(
    'everything__trigger-long-running-operation',
    { duration: 0.4, steps: 2 },
    { wantsProgress: true },
  );
  expect(told.map(({ case: kind }) => kind)).toEqual(['progress', 'progress', 'result']);
  const suggested = await tools.completeArgument({
    of: { case: 'tool', value: 'everything__completable-prompt' },
    argument: 'department',
    value: 'E',
  });
  expect(suggested.values).toContain('Engineering');
});

test('its resources are items of the type Resource', async () => {
  const page = await world.client.listPage({ type: 'Resource', provider: 'everything' });
  expect(page.entries.length).toBeGreaterThan(0);
  const key = page.entries[0]?.ref?.key ?? '';
  const provider = 'everything';
  const [text, dynamic, none] = await world.client.fetch([
    { type: 'Resource', key, provider },
    { type: 'Resource', key: 'demo://resource/dynamic/blob/1', provider },
    { type: 'Resource', key: 'demo://resource/none', provider },
  ]);
  expect(text).toMatchObject({ ok: true, item: { labels: { form: 'text' } } });
  expect(dynamic).toMatchObject({ ok: true, item: { labels: { form: 'blob' } } });
  expect(none).toMatchObject({ ok: false, refusal: { code: Code.NotFound } });
});

test('a server of the old era asks in the middle of a call, and goes on with the answer', async () => {
  const tool = 'everything__trigger-sampling-request';
  const [asking] = await world.call(tool, { prompt: 'hello' }, { canAsk: all });
  const asked = askedOf(asking);
  expect(asked.kinds).toEqual([InputKind.SAMPLING]);
  const content = { type: 'text', text: 'hello yourself' };
  const answer = { role: 'assistant', model: 'none', content };
  const [result] = await world.call(
    tool,
    { prompt: 'hello' },
    {
      canAsk: all,
      ...asked.answered(answer),
    },
  );
  expect(JSON.stringify(resultOf(result))).toContain('hello yourself');

  const form = 'everything__trigger-elicitation-request';
  const [first] = await world.call(form, {}, { canAsk: all });
  const declined = askedOf(first).answered({ action: 'decline' });
  const [refused] = await world.call(form, {}, { canAsk: all, ...declined });
  expect(JSON.stringify(resultOf(refused))).toContain('declined');

  // Nobody can be asked: the server is told so, and says it in its own words.
  const [alone] = await world.call(tool, { prompt: 'hello' });
  expect(JSON.stringify(resultOf(alone))).toContain('no way to answer');
});
