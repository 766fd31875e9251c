import type { JsonObject } from '@bufbuild/protobuf';
import {
  type CallToolResult,
  type GetPromptResult,
  type InputRequiredResult,
  type Prompt,
  ResourceNotFoundError,
  Server,
  type Tool,
} from '@modelcontextprotocol/server';
import {
  type ContextQuery,
  defineOperation,
  type ListQuery,
  type OperationDefinition,
  type Suggestions,
} from '@weir/sdk/provider';
import { fixtureOperations, fixtureResources } from './fixture.ts';

import { answerOf, type Context, callOf, failureOf } from './fixture-server-calls.ts';

/** What is there only sometimes. */
const sometimes = { tools: false, prompts: false };

const isPrompt = ({ kind }: OperationDefinition) => kind === 'prompt';
const of = (kind: keyof typeof sometimes) => (one: OperationDefinition) =>
  isPrompt(one) === (kind === 'prompts');

/** All that can be called on a connection. */
function operationsOf(server: Server): OperationDefinition[] {
  const change = (name: string, kind: keyof typeof sometimes, tell: () => Promise<void>) =>
    defineOperation({
      ...{ name, description: 'Has a list change.' },
      async call() {
        sometimes[kind] = !sometimes[kind];
        await tell();
        return 'changed';
      },
    });
  const there = { description: 'Is there or not.', call: () => ({ messages: [] }) };
  return [
    ...fixtureOperations,
    change('test_trigger_tool_change', 'tools', () => server.sendToolListChanged()),
    change('test_trigger_prompt_change', 'prompts', () => server.sendPromptListChanged()),
    ...(sometimes.tools ? [defineOperation({ name: 'test_sometimes', ...there })] : []),
    ...(sometimes.prompts
      ? [defineOperation({ name: 'test_sometimes_prompt', kind: 'prompt', ...there })]
      : []),
  ];
}

/** The fixture as a server of the Model Context Protocol, on the official library; it speaks either era. */
export function createFixtureServer(): Server {
  const changing = { listChanged: true };
  const resources = { ...changing, subscribe: true };
  const server = new Server(
    { name: 'fixture', version: '1.0.0' },
    {
      capabilities: { tools: changing, prompts: changing, resources, logging: {}, completions: {} },
    },
  );
  const call = async <R>(name: string, args: object = {}, context: Context) => {
    const found = operationsOf(server).find((operation) => operation.name === name);
    if (!found) throw new Error(`there is no ${name}`);
    const answer = await found.call(callOf(server, args as JsonObject, context));
    return answerOf(found, answer) as R | InputRequiredResult;
  };
  server.setRequestHandler('tools/list', () => ({
    tools: operationsOf(server).filter(of('tools')).map(toolOf),
  }));
  server.setRequestHandler('tools/call', ({ params }, context) =>
    call<CallToolResult>(params.name, params.arguments, context).catch(failureOf),
  );
  server.setRequestHandler('prompts/list', () => ({
    prompts: operationsOf(server).filter(of('prompts')).map(promptOf),
  }));
  server.setRequestHandler('prompts/get', ({ params }, context) =>
    call<GetPromptResult>(params.name, params.arguments, context),
  );
  serveResources(server);
  serveCompletion(server);
  return server;
}

function toolOf({ name, description, input }: OperationDefinition): Tool {
  return { name, description, inputSchema: (input ?? { type: 'object' }) as Tool['inputSchema'] };
}

function promptOf({ name, description, input }: OperationDefinition): Prompt {
  const { properties = {}, required = [] } = (input ?? {}) as {
    properties?: Record<string, { description: string }>;
    required?: string[];
  };
  const args = Object.entries(properties).map(([each, { description: what }]) => ({
    ...{ name: each, description: what, required: required.includes(each) },
  }));
  return { name, description, arguments: args };
}

function serveResources(server: Server): void {
  const { list, fetch, keyTemplates = [] } = fixtureResources;
  server.setRequestHandler('resources/list', async () => {
    const { entries } = (await list?.({} as ListQuery)) ?? { entries: [] };
    return {
      resources: entries.map(({ key, title = key, summary, contentType }) => ({
        ...{ uri: key, name: title, description: summary, mimeType: contentType },
      })),
    };
  });
  server.setRequestHandler('resources/templates/list', () => ({
    resourceTemplates: keyTemplates.map(({ template, name, contentType }) => ({
      ...{ uriTemplate: template, name, mimeType: contentType },
    })),
  }));
  server.setRequestHandler('resources/read', async ({ params: { uri } }) => {
    const found = await fetch?.({ key: uri } as ContextQuery);
    if (!found || !('value' in found)) throw new ResourceNotFoundError(uri);
    const { value, contentType: mimeType = 'application/json' } = found;
    if (value instanceof Uint8Array) {
      return { contents: [{ uri, mimeType, blob: Buffer.from(value).toString('base64') }] };
    }
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return { contents: [{ uri, mimeType, text }] };
  });
  server.setRequestHandler('resources/subscribe', () => ({}));
  server.setRequestHandler('resources/unsubscribe', () => ({}));
}

function serveCompletion(server: Server): void {
  server.setRequestHandler('completion/complete', async ({ params }) => {
    const { ref, argument } = params;
    const found = fixtureOperations.find(({ name }) => 'name' in ref && ref.name === name);
    const query = { argument: argument.name, value: argument.value };
    const suggested = (await found?.suggest?.(query as never)) ?? [];
    const values = Array.isArray(suggested) ? suggested : (suggested as Suggestions).values;
    return { completion: { values: [...values] } };
  });
}
