import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  defineOperation,
  defineProvider,
  type RunningProvider,
  serveProvider,
  toolContent,
} from '@weir/sdk/provider';
import { openStandalone, readStandaloneConfig, type Standalone } from '@weir/standalone';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runWeir } from '../../test/run-weir.ts';

let folder: string;
let opened: Standalone;
let provider: RunningProvider;

const files = defineProvider({
  name: 'files',
  version: '1.0.0',
  operations: [
    defineOperation({
      name: 'read_file',
      title: 'Read a file',
      readOnly: true,
      call({ arguments: given, progress }) {
        progress(1, { total: 2, text: 'half' });
        return { given };
      },
    }),
    defineOperation({
      name: 'remove_file',
      destructive: true,
      call: () => toolContent({ content: [{ type: 'text', text: 'it is gone' }], isError: true }),
    }),
  ],
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
  const own = { WEIR_PORT: '0', WEIR_OPS_PORT: '0', WEIR_DOCS_DIR: folder };
  opened = await openStandalone(
    readStandaloneConfig({ ...own, WEIR_DATA_DIR: join(folder, '.weir') }),
  );
  provider = await serveProvider(files, opened);
}, 180_000);

afterAll(async () => {
  await provider[Symbol.asyncDispose]();
  await opened[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const weir = (args: readonly string[], key = opened.key) =>
  runWeir(args, { env: { WEIR_URL: opened.url, WEIR_KEY: key }, cwd: folder });

test('tools are listed and called', async () => {
  const listed = await weir(['tool', 'list']);
  expect(listed.out).toMatch(/files__read_file +1\.0\.0 +reads +Read a file/);
  expect(listed.out).toMatch(/files__remove_file +1\.0\.0 +destroys/);

  const called = await weir([
    ...['tool', 'call', 'files__read_file'],
    '--arg',
    'n=1',
    '--arg',
    'p=a',
  ]);
  expect(called).toMatchObject({ code: 0, out: '{"given":{"n":1,"p":"a"}}\n' });
  expect(called.err).toBe('1 of 2 half\n');

  expect(await weir(['tool', 'call', 'files__remove_file'])).toMatchObject({
    ...{ code: 1, out: 'it is gone\n' },
  });
  const unknown = await weir(['tool', 'call', 'files__no']);
  expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('there is no tool')]);
  const malformed = await weir(['tool', 'call', 'files__read_file', '--arguments', '[1]']);
  expect([malformed.code, malformed.err]).toEqual([2, expect.stringContaining('JSON object')]);
});

test('who called what, how it went and how long it took is shown', async () => {
  const mail = 'ada@example.com';
  await weir(['tool', 'call', 'files__read_file', '--arg', `to=${mail}`]);
  await weir(['tool', 'call', 'files__remove_file']);
  await weir(['tool', 'call', 'files__gone']);
  await expect
    .poll(async () => (await weir(['calls', '--since', '1h'])).out, { timeout: 20_000 })
    .toMatch(
      /files__gone .*NOT_FOUND[\s\S]*files__remove_file .*failed[\s\S]*files__read_file .*ok/,
    );
  const listed = await weir(['calls', '--tool', 'files__read_file', '--limit', '1', '--json']);
  const [call] = JSON.parse(listed.out).calls as { arguments: string; result: string }[];
  expect(call?.arguments).toBe('{"to":"[email]"}');
  expect(call?.result).toBe('{"given":{"to":"[email]"}}');
  expect(
    (await weir(['calls', '--failed', '--tool', 'files__remove_file', '--json'])).out,
  ).toContain('it is gone');
  expect((await weir(['stats'])).out).toMatch(/files__remove_file +2 +2 +0 +0 +1 /);
  expect((await weir(['stats', '--tool', 'files__gone'])).out).toMatch(
    /files__gone +1 +0 +1 +0 +1 /,
  );
});

test('a group is created, changed and removed', async () => {
  const made = await weir([
    ...['group', 'create', 'support', '--tools', 'files__*', '--roles', 'agent', '--json'],
  ]);
  expect(made.code).toBe(0);
  const { secret } = JSON.parse(made.out) as { secret: string };
  expect((await weir(['tool', 'list', '--json'], secret)).out).toContain('files__remove_file');

  const off = ['group', 'set', 'support', 'files__remove_file', '--off'];
  expect((await weir(off)).code).toBe(0);
  const fixed = ['--arguments', '{"p":"b"}', '--description', 'Reads b.'];
  expect((await weir(['group', 'set', 'support', 'files__read_file', ...fixed])).code).toBe(0);
  expect((await weir(['group', 'list'])).out).toMatch(/support +on +files__\* +agent +3/);
  await expect
    .poll(async () => (await weir(['tool', 'call', 'files__read_file'], secret)).out)
    .toBe('{"given":{"p":"b"}}\n');
  expect((await weir(['tool', 'list'], secret)).out).not.toContain('remove_file');

  const rotated = await weir(['group', 'rotate-key', 'support', '--overlap', '1h', '--json']);
  expect(JSON.parse(rotated.out).secret).not.toBe(secret);
  expect((await weir(['group', 'update', 'support', '--off'])).out).toMatch(/support +off/);
  expect((await weir(['group', 'update', 'support', '--off', '--on'])).code).toBe(2);
  expect((await weir(['group', 'delete', 'support'])).out).toBe('deleted support\n');
  expect((await weir(['group', 'delete', 'support'])).code).toBe(1);
});

test('a group is looked at and tried before anybody can use it', async () => {
  await weir(['group', 'create', 'later', '--tools', 'files__read_file,files__none']);
  await weir(['group', 'set', 'later', 'files__read_file', '--arguments', '{"p":"b"}']);
  expect((await weir(['group', 'update', 'later', '--off'])).code).toBe(0);
  await expect
    .poll(async () => (await weir(['group', 'preview', 'later'])).out)
    .toMatch(/later, for group:later[\s\S]*files__read_file \(files 1\.0\.0; reads; 5000 ms\)/);
  const shown = (await weir(['group', 'preview', 'later'])).out;
  expect(shown).toContain('! no tool has the name files__none');
  expect(shown).toContain('! tool group later is switched off');
  const changed = ['group', 'preview', 'later', '--tools', 'files__*', '--unprefixed'];
  expect((await weir(changed)).out).toContain('remove_file (files 1.0.0; destroys; 5000 ms)');

  const tried = await weir(['group', 'test', 'later', 'files__read_file', '--arg', 'n=1']);
  expect(tried).toMatchObject({ code: 0, out: '{"given":{"n":1,"p":"b"}}\n' });
  expect((await weir(['group', 'test', 'later', 'files__remove_file'])).code).toBe(1);
  await expect
    .poll(async () => (await weir(['calls', '--group', 'later'])).out, { timeout: 20_000 })
    .toMatch(/files__read_file .*ok \(test\)/);
});
