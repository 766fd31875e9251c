import {
  Client as NewClient,
  StreamableHTTPClientTransport as NewHttp,
} from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as OldHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { createWeir } from '@weir/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestWeir, type TestWeir, until } from '../weir.ts';
import { serveFixture } from './fixture.ts';

// The clients of the official SDKs, of both lines, as anybody would use them.

let opened: TestWeir;
const closing = new AsyncDisposableStack();
const info = { name: 'test', version: '1.0.0' };

beforeAll(async () => {
  opened = closing.use(await openTestWeir());
  closing.use(await serveFixture(opened));
});

afterAll(() => closing.disposeAsync());

const bearer = () => ({ requestInit: { headers: { authorization: `Bearer ${opened.weir.key}` } } });
const at = (path: string) => new URL(path, opened.weir.url);

async function newClient() {
  const client = new NewClient(info, {
    versionNegotiation: { mode: 'auto' },
    capabilities: { elicitation: {}, sampling: {} },
  });
  client.setRequestHandler('elicitation/create', () => ({
    ...{ action: 'accept', content: { username: 'ada', email: 'ada@example.com' } },
  }));
  await client.connect(new NewHttp(at('/mcp'), bearer()));
  closing.defer(() => client.close());
  return client;
}

async function oldClient(transport: Transport = new OldHttp(at('/mcp'), bearer()) as Transport) {
  const client = new OldClient(info, { capabilities: { elicitation: {}, sampling: {} } });
  client.setRequestHandler(ElicitRequestSchema, () => ({
    ...{ action: 'accept', content: { username: 'ada', email: 'ada@example.com' } },
  }));
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    ...{ role: 'assistant', model: 'm', content: { type: 'text', text: 'Paris' } },
  }));
  await client.connect(transport);
  closing.defer(() => client.close());
  return client;
}

test('a client of the newer line finds the revision without sessions, and all that there is', async () => {
  const client = await newClient();
  expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toContain('fixture__test_simple_text');
  const called = await client.callTool({
    name: 'fixture__test_elicitation',
    arguments: { message: 'Who?' },
  });
  expect(JSON.stringify(called.content)).toContain('ada@example.com');
  const read = await client.readResource({ uri: 'test://static-text' });
  const text = 'This is the content of the static text resource.';
  expect(read.contents).toEqual([{ uri: 'test://static-text', mimeType: 'text/plain', text }]);
  const { prompts } = await client.listPrompts();
  expect(prompts.map(({ name }) => name)).toContain('fixture__test_simple_prompt');
  const { resourceTemplates } = await client.listResourceTemplates();
  expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual(
    expect.arrayContaining(['test://template/{id}/data', 'weir://{provider}/{type}/{+key}']),
  );
});

test('a client of the older line has a session, is asked within it, and told of progress', async () => {
  const client = await oldClient();
  const told: number[] = [];
  await client.callTool({ name: 'fixture__test_tool_with_progress', arguments: {} }, undefined, {
    onprogress: ({ progress }) => told.push(progress),
  });
  expect(told).toEqual([0, 50, 100]);
  const asked = await client.callTool({
    name: 'fixture__test_sampling',
    arguments: { prompt: 'capital?' },
  });
  expect(JSON.stringify(asked.content)).toContain('Paris');
  const completed = await client.complete({
    ref: { type: 'ref/prompt', name: 'fixture__test_prompt_with_arguments' },
    argument: { name: 'arg1', value: 'par' },
  });
  expect(completed.completion.values).toEqual(['paris', 'party']);
});

test('a client of 2024-11-05 has a stream, and posts beside it', async () => {
  const { requestInit } = bearer();
  const eventSourceInit = {
    fetch: (url: string | URL, init?: RequestInit) =>
      fetch(url, { ...init, headers: { ...(init?.headers as object), ...requestInit.headers } }),
  };
  const transport = new SSEClientTransport(at('/sse'), { requestInit, eventSourceInit } as never);
  const client = await oldClient(transport as Transport);
  const { tools } = await client.listTools();
  expect(tools.length).toBeGreaterThan(20);
  const asked = await client.callTool({
    name: 'fixture__test_elicitation',
    arguments: { message: 'Who?' },
  });
  expect(JSON.stringify(asked.content)).toContain('ada');
});

test('a tool that nobody can answer fails, and says what the client would have to be able to do', async () => {
  const client = new OldClient(info);
  await client.connect(new OldHttp(at('/mcp'), bearer()) as Transport);
  closing.defer(() => client.close());
  const failed = await client.callTool({
    name: 'fixture__test_elicitation',
    arguments: { message: '?' },
  });
  expect(failed.isError).toBe(true);
  expect(JSON.stringify(failed.content)).toContain('elicitation');
});

test('who subscribes to a resource hears of events that name it', async () => {
  const publisher = createWeir({ url: opened.weir.url, key: opened.weir.key });
  closing.defer(() => publisher.close());
  const client = await oldClient();
  const updated: string[] = [];
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
    updated.push(params.uri);
  });
  await client.subscribeResource({ uri: 'test://watched-resource' });
  const refs = (key: string) => [{ type: 'Resource', key }];
  const publish = (key: string) =>
    publisher.events.publish({ events: [{ topic: 'resource.updated', key, refs: refs(key) }] });
  // The stream by which it hears opens beside its calls.
  await until(async () => {
    await publish('test://static-text');
    await publish('test://watched-resource');
    return updated.length > 0;
  }, 'it hears of the resource');
  expect(new Set(updated)).toEqual(new Set(['test://watched-resource']));
});

test('many items are fetched at once, and what is missing is told with its reason', async () => {
  const client = await newClient();
  const { structuredContent } = await client.callTool({
    name: 'context_fetch',
    arguments: {
      uris: ['test://static-text', 'test://template/7/data'],
      refs: [{ type: 'Resource', key: 'test://nowhere' }],
    },
  });
  expect(structuredContent).toMatchObject({
    ...{ found: 2, missing: 1 },
    items: [
      { found: false, key: 'test://nowhere', reason: 'REASON_KEY_NOT_FOUND' },
      {
        found: true,
        uri: 'test://static-text',
        text: 'This is the content of the static text resource.',
      },
      { found: true, value: { id: '7' } },
    ],
  });
});
