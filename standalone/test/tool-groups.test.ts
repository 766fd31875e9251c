import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { createWeir, type Weir, WeirCallError } from '@weir/sdk';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { type ToolGroup, ToolGroupSchema } from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import { CallToolRequestSchema } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { defineOperation, defineProvider, serveProvider } from '@weir/sdk/provider';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestWeir, type TestWeir, until } from './weir.ts';

let opened: TestWeir;
const closing = new AsyncDisposableStack();

let calls = 0;

const operation = (name: string) =>
  defineOperation({
    name,
    description: `Does ${name}.`,
    readOnly: true,
    input: {
      type: 'object',
      properties: { path: { type: 'string' }, root: { type: 'string' } },
      required: ['path', 'root'],
    },
    call: async ({ arguments: given, caller, signal }) => {
      calls += 1;
      if (given.path === 'slow') {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      }
      return { name, given, caller: caller.principal };
    },
  });

beforeAll(async () => {
  opened = closing.use(await openTestWeir());
  const files = defineProvider({
    name: 'files',
    version: '1.0.0',
    wantsPrincipal: true,
    operations: ['read_file', 'read_folder', 'write_file'].map(operation),
  });
  const crm = defineProvider({
    name: 'crm',
    version: '1.0.0',
    operations: ['find', 'read_file'].map(operation),
  });
  closing.use(await serveProvider(files, opened.weir));
  closing.use(await serveProvider(crm, opened.weir));
});

afterAll(() => closing.disposeAsync());

const group = (init: Parameters<typeof create<typeof ToolGroupSchema>>[1]): ToolGroup =>
  create(ToolGroupSchema, init);

function clientWith(key: string): Weir {
  const client = createWeir({ url: opened.weir.url, key });
  closing.defer(() => client.close());
  return client;
}

/** A client with the key of a new group, which the router knows of. */
async function openGroup(given: ToolGroup): Promise<Weir> {
  const { secret } = await opened.client.groups.createGroup({ group: given });
  const client = clientWith(secret);
  await until(
    () =>
      namesOf(client).then(
        () => true,
        () => false,
      ),
    'the key is known',
  );
  return client;
}

const namesOf = async (client: Weir) =>
  (await client.tools.listTools({})).tools.map(({ name }) => name);

async function call(client: Weir, tool: string, args: object = {}): Promise<unknown> {
  const bytes = new TextEncoder().encode(JSON.stringify(args));
  const request = create(CallToolRequestSchema, { tool, arguments: bytes });
  for await (const { message } of client.tools.callTool(request)) {
    if (message.case === 'result')
      return JSON.parse(new TextDecoder().decode(message.value.payload));
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

test('a group has the tools that it names, and its key nothing else', async () => {
  const client = await openGroup(
    group({ name: 'support', tools: ['files__read_*', 'crm__find'], roles: ['agent'] }),
  );
  expect(await namesOf(client)).toEqual(['crm__find', 'files__read_file', 'files__read_folder']);
  expect(await call(client, 'files__read_file', { path: 'a', root: 'b' })).toEqual({
    ...{ name: 'read_file', given: { path: 'a', root: 'b' }, caller: 'group:support' },
  });
  expect(await reasonOf(call(client, 'files__write_file'))).toBe(Reason.NOT_FOUND);
  await expect(client.get('DocChunk', 'readme.md')).rejects.toThrow();
  // Others use it by naming it, when they have one of its roles.
  expect(await reasonOf(opened.client.tools.listTools({ group: 'support' }))).toBe(
    Reason.NOT_FOUND,
  );
});

test('a group has results of a tool that only reads kept, for itself', async () => {
  const settings = [{ tool: 'crm__find', ttl: durationFromMs(60_000) }];
  const keeping = await openGroup(group({ name: 'keeping', tools: ['crm__find'], settings }));
  const other = await openGroup(group({ name: 'other', tools: ['crm__find'] }));
  const before = calls;
  for (const path of ['a', 'a', 'b', 'a']) await call(keeping, 'crm__find', { path, root: '' });
  expect(calls - before).toBe(2);
  await call(other, 'crm__find', { path: 'a', root: '' });
  expect(calls - before).toBe(3);
});

test('what is changed of a group is in force at once', async () => {
  const client = await openGroup(group({ name: 'moving', tools: ['files__*'] }));
  const change = async (changed: Partial<ToolGroup>) => {
    const { group: held } = await opened.client.groups.getGroup({ name: 'moving' });
    if (!held) throw new Error('the group is gone');
    return opened.client.groups.updateGroup({ group: { ...held, ...changed } as ToolGroup });
  };
  const settings = [
    { tool: 'files__write_file', disabled: true },
    {
      tool: 'files__read_file',
      timeout: durationFromMs(2_000),
      arguments: { root: '/srv' },
      description: 'Reads a file of the server.',
    },
  ];
  const changed = await change({ settings: group({ settings }).settings });
  expect(changed.group?.version).toBe(2n);
  await until(async () => (await namesOf(client)).length === 2, 'a tool is switched off');
  const { tools } = await client.tools.listTools({});
  expect(tools[0]?.operation).toMatchObject({
    description: 'Reads a file of the server.',
    inputSchema: { properties: { path: { type: 'string' } }, required: ['path'] },
  });
  expect(await call(client, 'files__read_file', { path: 'a', root: '/etc' })).toMatchObject({
    given: { path: 'a', root: '/srv' },
  });
  expect(await reasonOf(call(client, 'files__read_file', { path: 'slow' }))).toBe(
    Reason.DEADLINE_EXCEEDED,
  );
  await change({ disabled: true });
  await until(
    async () => (await reasonOf(client.tools.listTools({}))) === Reason.CREDENTIAL_INVALID,
    'the group is switched off',
  );
  await expect(change({ etag: 'old' })).rejects.toThrow('has changed since');
});

test('names without a prefix are those of one tool, or of none', async () => {
  const client = await openGroup(group({ name: 'short', tools: ['*'], unprefixed: true }));
  const names = await namesOf(client);
  expect(names).toContain('find');
  expect(names).not.toContain('read_file');
  expect(await call(client, 'find', { path: 'a', root: 'b' })).toMatchObject({ name: 'find' });
});

test('a key is rotated, and the one of before works as long as is said', async () => {
  const client = await openGroup(group({ name: 'rotated', tools: ['*'] }));
  const { groups } = opened.client;
  const overlapping = await groups.rotateGroupKey({
    ...{ name: 'rotated', overlap: durationFromMs(3_600_000) },
  });
  const second = clientWith(overlapping.secret);
  await until(
    () =>
      namesOf(second).then(
        () => true,
        () => false,
      ),
    'the second key is known',
  );
  await namesOf(client);
  await groups.rotateGroupKey({ name: 'rotated' });
  for (const each of [client, second]) {
    await until(
      async () => (await reasonOf(each.tools.listTools({}))) === Reason.CREDENTIAL_INVALID,
      'a key is over',
    );
  }
  await groups.deleteGroup({ name: 'rotated' });
  expect(await reasonOf(groups.getGroup({ name: 'rotated' }))).toBe(Reason.NOT_FOUND);
});

const faulty: [place: string, group: Parameters<typeof group>[0]][] = [
  ['group.name', { name: 'Bad' }],
  ['group.tools[0]', { name: 'bad', tools: ['a b'] }],
  ['group.types[0]', { name: 'bad', types: ['Doc*'] }],
  ['group.roles[0]', { name: 'bad', roles: [''] }],
  ['group.settings[0].tool', { name: 'bad', settings: [{ tool: 'a*' }] }],
  ['group.timeout', { name: 'bad', timeout: durationFromMs(700_000) }],
];

test.each(faulty)('a fault in %s is named', async (place, init) => {
  const made = opened.client.groups.createGroup({ group: group(init) });
  await expect(made).rejects.toThrow(place);
});
