import { monitorEventLoopDelay } from 'node:perf_hooks';
import { create, type JsonObject } from '@bufbuild/protobuf';
import { WeirCallError } from '@weir/sdk';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { CallToolRequestSchema } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { defineOperation, defineProvider, serveProvider } from '@weir/sdk/provider';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rawClient } from './mcp/mcp-client.ts';
import { openTestWeir, type TestWeir } from './weir.ts';

// Arguments are held to the schema of the tool before its provider is called.

let opened: TestWeir;
const closing = new AsyncDisposableStack();
const called: string[] = [];

const inputs: Record<string, JsonObject> = {
  send: {
    type: 'object',
    properties: {
      to: { type: 'array', items: { type: 'string', maxLength: 100 } },
      subject: { type: 'string', format: 'email' },
      priority: { enum: ['low', 'high'] },
    },
    required: ['to', 'subject'],
    additionalProperties: false,
  },
  // Not for the event loop: a pattern, references, an old dialect.
  code: { type: 'object', properties: { code: { type: 'string', pattern: '^[A-Z]{3}$' } } },
  tree: {
    type: 'object',
    properties: { node: { $ref: '#/$defs/node' } },
    $defs: {
      node: {
        type: 'object',
        properties: { next: { $ref: '#/$defs/node' } },
        additionalProperties: false,
      },
    },
  },
  old: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    properties: { pair: { items: [{ type: 'number' }, { type: 'string' }] } },
  },
  hostile: { type: 'object', properties: { text: { type: 'string', pattern: '^(a+)+$' } } },
  broken: { type: 'object', properties: { a: { $ref: '#/nowhere' } } },
};

beforeAll(async () => {
  opened = closing.use(await openTestWeir());
  const operations = Object.entries(inputs).map(([name, input]) =>
    defineOperation({ name, input, call: () => called.push(name) && 'done' }),
  );
  const greet = defineOperation({
    ...{ name: 'greet', kind: 'prompt' },
    input: { type: 'object', properties: { who: { type: 'string' } }, required: ['who'] },
    call: () => ({ messages: [] }),
  });
  const mail = { name: 'mail', version: '1.0.0', operations: [...operations, greet] };
  closing.use(await serveProvider(defineProvider(mail), opened.weir));
});

afterAll(() => closing.disposeAsync());

/** What a call comes to: the result, or the refusal. */
async function call(tool: string, args: object, group = ''): Promise<unknown> {
  const bytes = new TextEncoder().encode(JSON.stringify(args));
  const request = create(CallToolRequestSchema, { tool: `mail__${tool}`, group, arguments: bytes });
  try {
    for await (const { message } of opened.client.tools.callTool(request)) {
      if (message.case === 'result')
        return JSON.parse(Buffer.from(message.value.payload).toString());
    }
  } catch (error) {
    if (error instanceof WeirCallError) return error;
    throw error;
  }
  return undefined;
}

const refused = (text: string) =>
  expect.objectContaining({
    reason: Reason.INVALID_ARGUMENTS,
    text: expect.stringContaining(text),
  });

test('what does not fit is refused with its place, and the provider is not called', async () => {
  expect(await call('send', { to: ['ada'], subject: 'Hello' })).toBe('done');
  called.length = 0;
  const faulty = await call('send', { to: [1], priority: 'urgent', bcc: 'eve' });
  expect(faulty).toEqual(refused('do not fit the input schema of mail__send'));
  const { violations, text } = faulty as WeirCallError;
  expect(text).toContain("must have required property 'subject'");
  expect(violations.map(({ field, description }) => `${field} ${description}`)).toEqual(
    expect.arrayContaining([
      'arguments/to/0 must be string',
      'arguments/priority must be equal to one of the allowed values',
      'arguments must NOT have additional properties: bcc',
    ]),
  );
  expect(await call('greet', {})).toEqual(refused("must have required property 'who'"));
  expect(called).toEqual([]);
});

test('null stands for what need not be there, and for nothing else', async () => {
  const fit = { to: ['a'], subject: 'b' };
  expect(await call('send', { ...fit, priority: null })).toBe('done');
  expect(await call('code', { code: null })).toBe('done');
  for (const args of [
    { ...fit, subject: null },
    { ...fit, to: [null] },
  ]) {
    expect(await call('send', args)).toMatchObject({ reason: Reason.INVALID_ARGUMENTS });
  }
});

test('patterns, references, old dialects and large arguments are checked beside the event loop', async () => {
  expect(await call('code', { code: 'ABC' })).toBe('done');
  expect(await call('code', { code: 'abc' })).toEqual(refused('arguments/code must match pattern'));
  expect(await call('tree', { node: { next: {} } })).toBe('done');
  expect(await call('tree', { node: { next: { a: 1 } } })).toEqual(refused('/node/next'));
  expect(await call('old', { pair: [1, 'a'] })).toBe('done');
  expect(await call('old', { pair: ['a', 1] })).toEqual(refused('arguments/pair/0 must be number'));
  const many = Array.from({ length: 2_000 }, () => 'ada');
  expect(await call('send', { to: many, subject: 'a' })).toBe('done');
  expect(await call('send', { to: [...many, 1], subject: 'a' })).toEqual(refused('/to/2000'));
});

test('a schema that cannot be compiled, or a check that does not end, holds up nobody', async () => {
  expect(await call('broken', { a: 1 })).toBe('done');
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const text = `${'a'.repeat(60)}!`;
  const hostile = Array.from({ length: 8 }, () => call('hostile', { text }));
  const plain = Array.from({ length: 50 }, () => call('send', { to: [], subject: 'a' }));
  expect(new Set(await Promise.all(plain))).toEqual(new Set(['done']));
  // It is the provider's to look at what it gets, where Weir cannot.
  expect(new Set(await Promise.all(hostile))).toEqual(new Set(['done']));
  delay.disable();
  expect(delay.percentile(99) / 1e6).toBeLessThan(100);
});

test('what a group fixes is held to the schema with the rest', async () => {
  const settings = [{ tool: 'mail__send', arguments: { subject: 'Fixed' } }];
  await opened.client.groups.createGroup({ group: { name: 'fixed', tools: ['*'], settings } });
  await expect.poll(() => call('send', { to: [] }, 'fixed')).toBe('done');
  expect(await call('send', { to: 'ada' }, 'fixed')).toEqual(refused('arguments/to must be array'));
});

test('models are told since 2025-11-25, and before that clients are', async () => {
  const client = rawClient(`${opened.weir.url}/mcp`, opened.weir.key);
  const params = { name: 'mail__send', arguments: { subject: 1 } };
  const isTold = {
    isError: true,
    content: [{ type: 'text', text: expect.stringContaining('arguments/subject must be string') }],
  };
  expect((await client.stateless('tools/call', params)).result).toMatchObject(isTold);
  const session = await client.session();
  expect((await session.request('tools/call', params)).result).toMatchObject(isTold);
  const older = await client.session({}, '2025-06-18');
  expect((await older.request('tools/call', params)).error?.code).toBe(-32602);
  const prompt = await client.stateless('prompts/get', { name: 'mail__greet' });
  expect(prompt.error?.code).toBe(-32602);
});
