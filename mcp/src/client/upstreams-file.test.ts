import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseUpstreams } from './upstream-config.ts';
import { approveDefinition, putUpstream, readUpstreams, removeUpstream } from './upstreams-file.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-upstreams-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('the file is edited, keeps its comments, and is its owner’s alone', async () => {
  const file = join(folder, 'edited.yaml');
  expect(await readUpstreams(file)).toEqual([]);
  const stdio = { command: 'node', args: ['server.js', ''], env: { A: 'secret://a' } };
  expect(await putUpstream(file, { name: 'one', stdio, timeout: '1m' })).toBe(false);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  await writeFile(file, `# mine\n${await readFile(file, 'utf8')}`);
  const http = { url: 'https://mcp.example.org/mcp', bearer: 'secret://two' };
  expect(await putUpstream(file, { name: 'two', tenant: 'acme', http })).toBe(false);
  const hash = 'ab'.repeat(32);
  expect(await approveDefinition(file, 'acme/two', { name: 'find', hash })).toBe(true);
  expect(await approveDefinition(file, 'two', { name: 'find', hash })).toBe(false);
  expect(await readUpstreams(file)).toMatchObject([
    { name: 'one', tenant: '', timeoutMs: 60_000, transport: { kind: 'stdio', command: 'node' } },
    { name: 'two', tenant: 'acme', transport: { kind: 'http' }, approved: { find: hash } },
  ]);
  expect(await putUpstream(file, { name: 'one', http })).toBe(true);
  expect(await removeUpstream(file, 'one')).toBe(true);
  expect(await removeUpstream(file, 'one')).toBe(false);
  expect(await readFile(file, 'utf8')).toContain('# mine');
});

test('a file with commands that others can reach is not read', async () => {
  const file = join(folder, 'open.yaml');
  await putUpstream(file, { name: 'one', stdio: { command: 'node' } });
  await chmod(file, 0o640);
  await expect(readUpstreams(file)).rejects.toThrow(`chmod 600 ${file}`);
});

test.each([
  ['upstreams: 1', 'upstreams is no list'],
  ['upstreams: [', 'is no YAML'],
  ['other: []', 'other is not known'],
  ['upstreams: [{ name: A, http: { url: "https://a.example" } }]', 'upstreams[0].name is no name'],
  ['upstreams: [{ name: a }]', 'has neither stdio nor http'],
  ['upstreams: [{ name: a, stdio: { command: "" } }]', 'stdio.command is no text'],
  ['upstreams: [{ name: a, stdio: { command: a, args: [1] } }]', 'stdio.args[0] is no text'],
  ['upstreams: [{ name: a, stdio: { command: a, shell: true } }]', 'stdio.shell is not known'],
  ['upstreams: [{ name: a, http: { url: "ftp://a" } }]', 'http.url is no http or https URL'],
  ['upstreams: [{ name: a, http: { url: "https://u:p@a" } }]', 'http.url holds user info'],
  ['upstreams: [{ name: a, http: { url: "https://a", bearer: abc } }]', 'no reference to a secret'],
  ['upstreams: [{ name: a, http: { url: "https://a" }, timeout: 1h }]', 'timeout is no time'],
  ['upstreams: [{ name: a, http: { url: "https://a" }, enabled: "no" }]', 'enabled is neither'],
])('%s says what is wrong and where', (text, fault) => {
  expect(() => parseUpstreams('file.yaml', text)).toThrow(fault);
});
