import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestWeir, type TestWeir } from '../weir.ts';
import { serveFixture } from './fixture.ts';

// The command line of the official inspector, with the key of a group, as anybody would look at a server.

const manifest = createRequire(import.meta.url).resolve(
  '@modelcontextprotocol/inspector/package.json',
);
const program = join(manifest, '../clients/cli/build/index.js');
const closing = new AsyncDisposableStack();
let opened: TestWeir;
let key = '';

beforeAll(async () => {
  opened = closing.use(await openTestWeir());
  closing.use(await serveFixture(opened));
  const group = { name: 'support', tools: ['fixture__test_simple*'], types: ['Resource'] };
  key = (await opened.client.groups.createGroup({ group })).secret;
});

afterAll(() => closing.disposeAsync());

async function inspect(era: string, ...args: readonly string[]) {
  const where = ['--server-url', `${opened.weir.url}/mcp`, '--transport', 'http'];
  const how = ['--protocol-era', era, '--format', 'json', '--quiet'];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [program, ...where, ...how, '--header', `Authorization: Bearer ${key}`, ...args],
    // It keeps files of its own there.
    { env: { PATH: process.env.PATH, HOME: opened.dataDir } },
  );
  return JSON.parse(stdout).result;
}

describe.each(['legacy', 'modern'])('the inspector, era %s', (era) => {
  test('lists the tools of the group, and calls one', async () => {
    const { tools } = await inspect(era, '--method', 'tools/list');
    const names = tools.map(({ name }: { name: string }) => name);
    expect(names).toEqual(['fixture__test_simple_text', 'context_fetch', 'context_list']);
    const called = ['--method', 'tools/call', '--tool-name', 'fixture__test_simple_text'];
    const { content } = await inspect(era, ...called);
    const text = 'This is a simple text response for testing.';
    expect(content).toEqual([{ type: 'text', text }]);
  });

  test('lists resources and prompts, and reads a resource', async () => {
    const { resources } = await inspect(era, '--method', 'resources/list');
    expect(resources.map(({ uri }: { uri: string }) => uri)).toContain('test://static-text');
    const read = ['--method', 'resources/read', '--uri', 'test://static-text'];
    const { contents } = await inspect(era, ...read);
    expect(contents[0].text).toBe('This is the content of the static text resource.');
    const { prompts } = await inspect(era, '--method', 'prompts/list');
    const names = prompts.map(({ name }: { name: string }) => name);
    expect(names).toEqual(['fixture__test_simple_prompt']);
  });
});
