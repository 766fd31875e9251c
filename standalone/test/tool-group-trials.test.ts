import { create } from '@bufbuild/protobuf';
import { durationFromMs, durationMs } from '@bufbuild/protobuf/wkt';
import { createWeir, type Weir, WeirCallError } from '@weir/sdk';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { type ToolGroup, ToolGroupSchema } from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import { CallToolRequestSchema } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { defineOperation, defineProvider, serveProvider } from '@weir/sdk/provider';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestWeir, type TestWeir, until } from './weir.ts';

// What an administrator sees and does of a tool group before anybody can use it.

let opened: TestWeir;
const closing = new AsyncDisposableStack();

beforeAll(async () => {
  opened = closing.use(await openTestWeir());
  const call = defineOperation({
    name: 'find',
    title: 'Find',
    description: 'Finds what is there.',
    readOnly: true,
    ttlMs: 60_000,
    input: {
      type: 'object',
      properties: { path: { type: 'string' }, root: { type: 'string' } },
      required: ['path', 'root'],
    },
    annotations: { icons: [{ src: 'https://example.com/i.png' }] },
    call: ({ arguments: given, caller }) => ({ given, caller: caller.principal, n: ++calls }),
  });
  const prompt = defineOperation({ name: 'greet', kind: 'prompt', call: () => ({ messages: [] }) });
  const operations = [call, prompt, defineOperation({ name: 'remove', call: () => 'removed' })];
  const provider = { name: 'files', version: '1.0.0', wantsPrincipal: true, operations };
  closing.use(await serveProvider(defineProvider(provider), opened.weir));
});

afterAll(() => closing.disposeAsync());

let calls = 0;

const support = create(ToolGroupSchema, {
  ...{ name: 'support', title: 'Support', description: 'For support.' },
  ...{ tools: ['files__find', 'files__greet'], types: ['DocChunk'], roles: ['agent'] },
  timeout: durationFromMs(2_000),
  settings: [{ tool: 'files__find', arguments: { root: 'docs' }, title: 'Find a document' }],
});

async function tested(weir: Weir, tool: string, args: object, more: object = {}) {
  const bytes = new TextEncoder().encode(JSON.stringify(args));
  const call = create(CallToolRequestSchema, { tool, arguments: bytes, group: 'support' });
  for await (const { response } of weir.tools.testTool({ call, ...more })) {
    const { message } = response ?? { message: undefined };
    if (message?.case === 'result')
      return JSON.parse(Buffer.from(message.value.payload).toString());
  }
  return undefined;
}

const reasonOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  return error instanceof WeirCallError ? error.reason : error;
};

async function clientWith(scopes: Scope[]): Promise<Weir> {
  const { secret } = await opened.client.admin.createKey({ principal: 'admin', scopes });
  const client = createWeir({ url: opened.weir.url, key: secret });
  closing.defer(() => client.close());
  await until(async () => (await reasonOf(client.admin.whoAmI({}))) === undefined, 'the key works');
  return client;
}

test('a group that is nowhere yet is shown as its callers would see it', async () => {
  const { tools } = opened.client;
  const shown = await tools.previewGroup({ proposed: support });
  expect(shown).toMatchObject({ principal: 'group:support', remarks: [], nextPageToken: '' });
  const [find, greet] = shown.tools;
  expect([find?.tool?.name, greet?.tool?.name]).toEqual(['files__find', 'files__greet']);
  expect(find?.timeout && durationMs(find.timeout)).toBe(2_000);
  expect(find?.tool?.operation).toMatchObject({
    title: 'Find a document',
    description: 'Finds what is there.',
    inputSchema: { properties: { path: { type: 'string' } }, required: ['path'] },
    annotations: { icons: [{ src: 'https://example.com/i.png' }] },
  });
  expect(shown.contexts.map(({ type }) => type)).toContain('DocChunk');
  expect(shown.contexts.every(({ type }) => type === 'DocChunk')).toBe(true);

  const paged = await tools.previewGroup({ proposed: support, pageSize: 1 });
  expect([paged.tools.length, paged.nextPageToken !== '']).toEqual([1, true]);
  // Nothing is kept of it.
  expect(await reasonOf(opened.client.groups.getGroup({ name: 'support' }))).toBe(Reason.NOT_FOUND);
});

test('what is not as it may have been meant is told', async () => {
  const odd = create(ToolGroupSchema, {
    ...{ name: 'odd', disabled: true, tools: ['files__*', 'nothing__*'] },
    settings: [{ tool: 'files__gone', disabled: true }],
  });
  const { remarks } = await opened.client.tools.previewGroup({ proposed: odd });
  expect(remarks).toEqual([
    'tool group odd is switched off: its keys let nobody in',
    'no tool has the name nothing__*',
    'something is set for files__gone, and no tool has that name',
  ]);
  const faulty: ToolGroup = create(ToolGroupSchema, { name: 'odd', tools: ['a b'] });
  const error = await opened.client.tools.previewGroup({ proposed: faulty }).catch(String);
  expect(error).toContain('group.tools[0]');
});

test('a tool is called as the group has it, while its keys still let nobody in', async () => {
  const off = { ...support, disabled: true } as ToolGroup;
  await opened.client.groups.createGroup({ group: off });
  await until(async () => {
    const work = opened.client.tools.previewGroup({ group: 'support' });
    return (await reasonOf(work)) === undefined;
  }, 'the router knows of the group');
  const given = { path: 'a', root: 'docs' };
  const first = await tested(opened.client, 'files__find', { path: 'a' });
  expect(first).toMatchObject({ given, caller: 'group:support' });
  // A test tells how the tool does now.
  expect((await tested(opened.client, 'files__find', { path: 'a' })).n).toBe(first.n + 1);
  expect(await reasonOf(tested(opened.client, 'files__remove', {}))).toBe(Reason.NOT_FOUND);

  const settings = [{ tool: 'files__find', disabled: true }];
  const proposed = create(ToolGroupSchema, { name: 'support', tools: ['files__*'], settings });
  expect(await tested(opened.client, 'files__remove', {}, { proposed })).toBe('removed');
  const switchedOff = tested(opened.client, 'files__find', given, { proposed });
  expect(await reasonOf(switchedOff)).toBe(Reason.NOT_FOUND);

  await until(async () => {
    const { calls: logged } = await opened.client.calls.listCalls({ group: 'support' });
    return (
      logged.length === 5 &&
      logged.every(({ isTest, principal }) => isTest && principal === 'admin')
    );
  }, 'the calls are in the log, as tests');
});

test('only who administers tool groups may try them', async () => {
  const reader = await clientWith([Scope.READ, Scope.CALL]);
  const admin = await clientWith([Scope.ADMIN]);
  expect(await reasonOf(reader.tools.previewGroup({ proposed: support }))).toBe(
    Reason.SCOPE_MISSING,
  );
  const tries = [reader, admin].map((weir) =>
    reasonOf(tested(weir, 'files__find', { path: 'a' }, { proposed: support })),
  );
  expect(await Promise.all(tries)).toEqual([Reason.SCOPE_MISSING, Reason.SCOPE_MISSING]);
  expect((await admin.tools.previewGroup({ proposed: support })).tools).toHaveLength(2);
  const foreign = create(ToolGroupSchema, { name: 'support', tenant: 'another' });
  const another = opened.client.tools.previewGroup({ proposed: foreign });
  expect(await reasonOf(another)).toBe(Reason.MALFORMED_REQUEST);
  expect(await reasonOf(admin.tools.previewGroup({ group: 'none' }))).toBe(Reason.NOT_FOUND);
});
