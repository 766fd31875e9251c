import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { ToolSettingSchema } from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import { defineOperation, type OperationDefinition } from '@weir/sdk/provider';
import { openUpstreamWorld, stdio } from '../upstream-world.ts';
import { openTestWeir, type TestWeir } from '../weir.ts';
import { fixtureName, serveFixture } from './fixture.ts';
import { openLegacyFixture } from './fixture-server-http.ts';

/** Weir with the fixture behind it, as the conformance suite meets it. */
export interface ConformanceWeir extends AsyncDisposable {
  /** Where the suite, which knows no credentials, reaches it. */
  readonly url: string;
}

/** What is behind Weir: a provider of the SDK, or an MCP server of the new era or the old one. */
export type Behind = 'provider' | 'modern' | 'legacy';

/** Opens Weir with the fixture behind it, in a group whose tools have the names that the suite knows. */
export async function openConformanceWeir(behind: Behind): Promise<ConformanceWeir> {
  await using stack = new AsyncDisposableStack();
  const opened = stack.use(
    await (behind === 'provider' ? openWithProvider() : openWithServer(behind)),
  );
  const group = { name: groupName, tools: ['*'], types: ['*'], unprefixed: true };
  const { secret } = await opened.client.groups.createGroup({ group });
  const front = await openFront({ url: opened.weir.url, key: secret });
  stack.defer(() => void front.close());
  const { port } = front.address() as AddressInfo;
  const owned = stack.move();
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function openWithProvider(): Promise<TestWeir> {
  await using stack = new AsyncDisposableStack();
  const opened = stack.use(await openTestWeir());
  stack.use(await serveFixture(opened, changingTools(opened)));
  const owned = stack.move();
  return { ...opened, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function openWithServer(era: 'modern' | 'legacy'): Promise<TestWeir> {
  await using stack = new AsyncDisposableStack();
  const world = stack.use(await openUpstreamWorld({ WEIR_OUTBOUND_ALLOW: '127.0.0.1/32' }));
  const upstream = await (era === 'modern' ? modernServer : legacyServer(stack));
  await world.write([upstream]);
  await world.tools(fixtureName);
  const owned = stack.move();
  return { ...world, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const modernProgram = new URL('fixture-server-stdio.ts', import.meta.url);
const modernServer = stdio(fixtureName, [fileURLToPath(modernProgram)]);

async function legacyServer(stack: AsyncDisposableStack): Promise<object> {
  const { url } = stack.use(await openLegacyFixture());
  return { name: fixtureName, http: { url } };
}

/** What the group has only sometimes. */
const sometimes = [
  defineOperation({ name: 'test_sometimes', description: 'Is there or not.', call: () => 'there' }),
  defineOperation({
    ...{ name: 'test_sometimes_prompt', kind: 'prompt', description: 'Is there or not.' },
    call: () => ({ messages: [] }),
  }),
];

/** Tools that have something come into the group, or go out of it: so lists change. */
function changingTools({ client }: TestWeir): OperationDefinition[] {
  const change = (name: string, what: string): OperationDefinition =>
    defineOperation({
      ...{ name, description: 'Has a list change.' },
      async call() {
        const { group } = await client.groups.getGroup({ name: groupName });
        if (!group) throw new Error('there is no group');
        const tool = `${fixtureName}__${what}`;
        const others = group.settings.filter((setting) => setting.tool !== tool);
        const isOff = others.length < group.settings.length;
        const settings = isOff
          ? others
          : [...others, create(ToolSettingSchema, { tool, disabled: true })];
        await client.groups.updateGroup({ group: { ...group, settings } });
        return 'changed';
      },
    });
  return [
    ...sometimes,
    change('test_trigger_tool_change', 'test_sometimes'),
    change('test_trigger_prompt_change', 'test_sometimes_prompt'),
  ];
}

const groupName = 'suite';

/** Passes all on as it is, but for the credential. */
async function openFront({ url, key }: { readonly url: string; readonly key: string }) {
  const { hostname, port } = new URL(url);
  const front: Server = createServer((request, response) => {
    const { method, headers } = request;
    const passed = httpRequest(
      {
        hostname,
        port,
        method,
        path: request.url,
        headers: { ...headers, authorization: `Bearer ${key}` },
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    passed.on('error', () => response.destroy());
    response.on('close', () => passed.destroy());
    request.pipe(passed);
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  return front;
}
