import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import type { InputKind } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { CallToolRequestSchema, type CallToolResponse } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { stringify } from 'yaml';
import { openTestWeir, type TestWeir, until } from './weir.ts';

const require = createRequire(import.meta.url);

/** A Weir with a file of upstreams that tests change. */
export interface UpstreamWorld extends TestWeir {
  readonly file: string;
  /** Writes the file. */
  write(upstreams: readonly object[]): Promise<void>;
  /** Waits until tools, by provider, are in the catalogue. */
  tools(provider: string, holds?: (names: readonly string[]) => boolean): Promise<string[]>;
  call(tool: string, args?: object, more?: object): Promise<CallToolResponse['message'][]>;
}

/** The program of a server from npm. */
export function serverProgram(name: string): string {
  const manifest = require.resolve(`@modelcontextprotocol/${name}/package.json`);
  return join(manifest, '../dist/index.js');
}

/** An upstream over standard input and output, as the file has it. */
export function stdio(name: string, args: readonly string[], more: object = {}) {
  return { name, stdio: { command: process.execPath, args, ...more } };
}

export async function openUpstreamWorld(env: NodeJS.ProcessEnv = {}): Promise<UpstreamWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-upstreams-'));
  const file = join(folder, 'upstreams.yaml');
  const opened = await openTestWeir({ WEIR_UPSTREAMS_FILE: file, ...env });
  const { tools } = opened.client;

  async function names(provider: string): Promise<string[]> {
    const answer = await tools.listTools({ provider, pageSize: 1000 });
    return answer.tools.map(({ operation }) => operation?.name ?? '');
  }

  async function isReached(provider: string): Promise<boolean> {
    const { providers } = await opened.client.registry.listProviders({});
    const found = providers.find(({ manifest }) => manifest?.name === provider);
    return (found?.endpoints ?? []).length > 0;
  }

  return {
    ...opened,
    file,
    write: (upstreams) => writeFile(file, stringify({ upstreams }), { mode: 0o600 }),
    async tools(provider, holds = (found) => found.length > 0) {
      let found: string[] = [];
      const look = async () => {
        found = await names(provider);
        // A router hears of a manifest before it hears of where to call.
        return holds(found) && (await isReached(provider));
      };
      await until(look, `tools of ${provider}`, 20_000);
      return found;
    },
    async call(tool, args = {}, more = {}) {
      const messages: CallToolResponse['message'][] = [];
      const bytes = new TextEncoder().encode(JSON.stringify(args));
      const request = create(CallToolRequestSchema, { tool, arguments: bytes, ...more });
      for await (const { message } of tools.callTool(request)) messages.push(message);
      return messages;
    },
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The JSON that a result holds. */
export function resultOf(message: CallToolResponse['message'] | undefined) {
  if (message?.case !== 'result') throw new Error(`no result: ${JSON.stringify(message)}`);
  return JSON.parse(new TextDecoder().decode(message.value.payload));
}

/** What is asked, and how to go on. */
export function askedOf(message: CallToolResponse['message'] | undefined) {
  if (message?.case !== 'inputRequired') throw new Error(`no question: ${message?.case}`);
  const { requests, state } = message.value;
  const params = requests.map(({ params: bytes }) => JSON.parse(new TextDecoder().decode(bytes)));
  return {
    params,
    kinds: requests.map(({ kind }): InputKind => kind),
    /** The rest of the request with which it goes on. */
    answered: (...results: readonly object[]) => ({
      state,
      answers: requests.map(({ id }, i) => ({
        id,
        result: new TextEncoder().encode(JSON.stringify(results[i])),
      })),
    }),
  };
}
