import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { createWeir, type WeirCallError } from '@weir/sdk';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { InputKind, Severity } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { OperationKind, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { CallToolRequestSchema, type CallToolResponse } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import {
  defineOperation,
  defineProvider,
  inputRequired,
  ProviderError,
  serveProvider,
  toolContent,
} from '@weir/sdk/provider';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestWeir, type TestWeir, until } from './weir.ts';

let opened: TestWeir;
let tools: ReturnType<typeof toolsWith>;
const closing = new AsyncDisposableStack();

const calculator = defineProvider({
  name: 'calculator',
  version: '1.0.0',
  operations: [
    defineOperation<{ a: number; b: number }>({
      name: 'add',
      title: 'Add',
      description: 'Adds two numbers.',
      input: {
        type: 'object',
        properties: { a: { type: 'number' }, b: { type: 'number' } },
        required: ['a', 'b'],
      },
      output: { type: 'object', properties: { sum: { type: 'number' } } },
      readOnly: true,
      suggest: ({ value }) => ['1', '10', '2'].filter((each) => each.startsWith(value)),
      call: ({ arguments: { a, b } }) => ({ sum: a + b }),
    }),
    defineOperation({
      name: 'roll',
      readOnly: true,
      ttlMs: 60_000,
      call: () => ({ rolled: Math.random(), at: new Date().toISOString() }),
    }),
    defineOperation({
      name: 'count',
      async call({ progress, log }) {
        for (const n of [1, 2, 3]) progress(n, { total: 3 });
        log('debug', 'not of interest');
        log('warning', { done: true });
        return toolContent({ content: [{ type: 'text', text: 'counted' }], isError: true });
      },
    }),
    defineOperation({
      name: 'greet',
      kind: 'prompt',
      call({ answers, state, canAsk }) {
        if (!canAsk.includes('form'))
          throw new ProviderError(Code.FailedPrecondition, 'ask nobody');
        if (!answers.name) {
          const params = { message: 'Who are you?' };
          return inputRequired([{ id: 'name', kind: 'form', params }], 'greeting');
        }
        return { messages: [{ role: 'user', content: `${state} ${answers.name.content}` }] };
      },
    }),
    defineOperation({
      name: 'fail',
      call() {
        throw new ProviderError(Code.NotFound, 'no such ledger');
      },
    }),
  ],
});

beforeAll(async () => {
  opened = closing.use(await openTestWeir());
  closing.use(await serveProvider(calculator, opened.weir));
  tools = toolsWith(opened.weir.key);
});

afterAll(() => closing.disposeAsync());

function toolsWith(key: string) {
  const client = createWeir({ url: opened.weir.url, key });
  closing.defer(() => client.close());
  return client.tools;
}

async function call(
  tool: string,
  args: unknown = {},
  more: Partial<Parameters<typeof tools.callTool>[0]> = {},
): Promise<CallToolResponse['message'][]> {
  const messages: CallToolResponse['message'][] = [];
  const bytes = new TextEncoder().encode(JSON.stringify(args));
  const request = create(CallToolRequestSchema, { tool, arguments: bytes, ...(more as object) });
  for await (const { message } of tools.callTool(request)) messages.push(message);
  return messages;
}

const json = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));

test('what providers can do is listed as tools', async () => {
  const { tools: all } = await tools.listTools({});
  expect(all.map(({ name }) => name)).toEqual([
    'calculator__add',
    'calculator__count',
    'calculator__fail',
    'calculator__greet',
    'calculator__roll',
  ]);
  expect(all[0]?.operation).toMatchObject({ title: 'Add', hints: { readOnly: true } });
  const prompts = await tools.listTools({ kind: OperationKind.PROMPT });
  expect(prompts.tools.map(({ name }) => name)).toEqual(['calculator__greet']);
  const first = await tools.listTools({ pageSize: 3 });
  const rest = await tools.listTools({ pageSize: 3, pageToken: first.nextPageToken });
  expect([first.tools.length, rest.tools.length, rest.nextPageToken]).toEqual([3, 2, '']);
});

test('a tool is called, and tells of itself what its caller wants to know', async () => {
  const [sum] = await call('calculator__add', { a: 1, b: 2 });
  expect(sum?.case).toBe('result');
  if (sum?.case === 'result') expect(json(sum.value.payload)).toEqual({ sum: 3 });

  const told = await call(
    'calculator__count',
    {},
    { wantsProgress: true, minSeverity: Severity.WARNING },
  );
  expect(told.map(({ case: kind }) => kind)).toEqual([
    ...['progress', 'progress', 'progress', 'log', 'result'],
  ]);
  expect(told.at(-1)?.value).toMatchObject({ isError: true });
  expect((await call('calculator__count')).map(({ case: kind }) => kind)).toEqual(['result']);
});

test('the result of what only reads is kept as long as it stays true', async () => {
  const at = async (...args: Parameters<typeof call>) => {
    const [result] = await call(...args);
    return result?.case === 'result' ? [json(result.value.payload), result.value.cache] : result;
  };
  const [first] = (await at('calculator__roll', { sides: 6 })) as [unknown];
  expect(await at('calculator__roll', { sides: 6 })).toEqual([first, CacheStatus.HIT_MEMORY]);
  expect(await at('calculator__roll', { sides: 8 })).not.toEqual([first, expect.anything()]);
  expect(await at('calculator__add', { a: 1, b: 1 })).toEqual([{ sum: 2 }, CacheStatus.MISS]);
  expect(await at('calculator__add', { a: 1, b: 1 })).toEqual([{ sum: 2 }, CacheStatus.MISS]);
});

test('policies decide by the arguments of a call, and hide parts of its result', async () => {
  const { policy, admin } = opened.client;
  const source = `
kind: Policy
name: clerk
rules:
  - name: only-ones
    effect: deny
    subjects: { principals: [clerk] }
    actions: [call]
    resources: { types: [add] }
    condition: 'resource.labels.a != "1"'
  - name: rolls
    effect: oblige
    subjects: { principals: [clerk] }
    actions: [call]
    resources: { types: [roll, count] }
    obligations: [{ drop: { fields: { pointers: [/at] } } }]
`;
  await policy.putPolicy({ policy: { source: { case: 'document', value: source } } });
  const { secret } = await admin.createKey({ principal: 'clerk', scopes: [Scope.CALL] });
  const clerk = toolsWith(secret);
  const callAs = async (tool: string, args: object) => {
    const bytes = new TextEncoder().encode(JSON.stringify(args));
    for await (const { message } of clerk.callTool({ tool, arguments: bytes })) {
      if (message.case === 'result') return json(message.value.payload);
    }
  };
  const refused = () =>
    callAs('calculator__add', { a: 2 }).then(
      () => false,
      (error: Error) => error.message.includes('there is no tool'),
    );
  await until(refused, 'the policy is in force');
  expect(await callAs('calculator__add', { a: 1, b: 5 })).toEqual({ sum: 6 });
  await expect(callAs('calculator__add', { a: 2, b: 5 })).rejects.toThrow('there is no tool');
  await expect(callAs('calculator__add', { b: 5 })).rejects.toThrow('there is no tool');
  expect(Object.keys(await callAs('calculator__roll', { sides: 6 }))).toEqual(['rolled']);
  // What is said beside a result may quote what is hidden of it.
  const kinds: unknown[] = [];
  const telling = { wantsProgress: true, minSeverity: Severity.WARNING };
  for await (const { message } of clerk.callTool({ tool: 'calculator__count', ...telling })) {
    kinds.push(message.case);
  }
  expect(kinds).toEqual(['progress', 'progress', 'progress', 'result']);
});

test('a tool asks its caller, who goes on with the answer', async () => {
  const [asked] = await call('calculator__greet', {}, { canAsk: [InputKind.FORM] });
  if (asked?.case !== 'inputRequired') throw new Error('it did not ask');
  const [question] = asked.value.requests;
  expect(json(question?.params ?? new Uint8Array())).toEqual({ message: 'Who are you?' });
  const result = new TextEncoder().encode(JSON.stringify({ content: 'Ada' }));
  const { state } = asked.value;
  const going = { canAsk: [InputKind.FORM], state, answers: [{ id: 'name', result }] };
  const [greeting] = await call('calculator__greet', {}, going as object);
  if (greeting?.case !== 'result') throw new Error('it did not go on');
  expect(json(greeting.value.payload).messages[0].content).toBe('greeting Ada');

  const altered = Uint8Array.from(state, (byte, at) => (at === state.length - 1 ? byte ^ 1 : byte));
  await expect(
    call('calculator__greet', {}, { ...going, state: altered } as object),
  ).rejects.toThrow('state is not one that this tool gave to this caller');
});

test('arguments are suggested', async () => {
  const { values } = await tools.completeArgument({
    ...{ of: { case: 'tool', value: 'calculator__add' }, argument: 'a', value: '1' },
  });
  expect(values).toEqual(['1', '10']);
});

test('what cannot be called says why', async () => {
  const codeOf = async (...args: Parameters<typeof call>) =>
    ((await call(...args).catch((error: unknown) => error)) as WeirCallError).code;
  expect(await codeOf('calculator__nothing')).toBe(Code.NotFound);
  expect(await codeOf('calculator__fail')).toBe(Code.NotFound);
  expect(await codeOf('calculator__add', [1])).toBe(Code.InvalidArgument);
  expect(await codeOf('calculator add')).toBe(Code.InvalidArgument);
  const { admin } = opened.client;
  const { secret } = await admin.createKey({ principal: 'admin', scopes: [Scope.READ] });
  await expect(toolsWith(secret).listTools({})).rejects.toThrow('SCOPE_CALL');
});

test('the log of calls has all of many calls with much in them', async () => {
  const text = 'Cérès '.repeat(8_000);
  const tool = 'calculator__fail';
  const logged = async () =>
    (await opened.client.calls.listCalls({ tool, pageSize: 100 })).calls.filter(
      ({ arguments: given }) => given.includes('Cérès'),
    );
  await Promise.all(Array.from({ length: 60 }, (_, i) => call(tool, { i, text }).catch(() => [])));
  await until(async () => (await logged()).length >= 60, 'all are logged');
  const [first] = await logged();
  expect(first?.arguments).toMatch(/^\{"i":\d+,"text":"Cérès Cérès /);
});
