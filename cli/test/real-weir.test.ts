import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runWeir } from './run-weir.ts';

const bin = join(import.meta.dirname, '..', 'bin', 'weir.js');
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('WEIR_')),
);

let folder: string;
let server: ChildProcess;
let url: string;

// The whole of Weir, started by `weir start` itself on free ports, with its data in a new folder.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
  await writeFile(join(folder, 'guide.md'), '# Guide\n\n## Install\n\nRun `npm ci`.\n');
  const args = ['start', '--port', '0', '--data', '.weir', '--docs', '.'];
  server = spawn(process.execPath, [bin, ...args], {
    cwd: folder,
    env: { ...env, WEIR_OPS_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  url = await urlOf(server);
});

afterAll(async () => {
  if (server.exitCode === null && server.kill('SIGTERM')) await once(server, 'exit');
  await rm(folder, { recursive: true, force: true });
});

async function urlOf({ stdout, stderr }: ChildProcess): Promise<string> {
  if (!stdout || !stderr) throw new Error('no output');
  let said = '';
  stderr.on('data', (chunk) => {
    said += chunk;
  });
  for await (const chunk of stdout) {
    said += chunk;
    const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(said) ?? [];
    if (found && said.includes('try')) return found;
  }
  throw new Error(`weir start ended: ${said}`);
}

const weir = (...args: string[]) => runWeir(args, { env: { WEIR_URL: url }, cwd: join(folder) });

describe('weir with the real thing', () => {
  test('finds the key, lists, and fetches real context of four types in one call', async () => {
    const listed = await weir('list', 'DocChunk', '--json');
    const keys = JSON.parse(listed.out).entries.map(
      (entry: { ref: { key: string } }) => entry.ref.key,
    );
    expect(keys).toContain('guide.md#install');

    const [metric] = JSON.parse((await weir('list', 'Metric', '--json')).out).entries;
    const [log] = JSON.parse((await weir('list', 'LogEntry', '--json')).out).entries;
    const refs = ['DocChunk/guide.md#install', 'SQLSchema/weir'];
    const others = [`Metric/${metric.ref.key}`, `LogEntry/${log.ref.key}`];
    const ran = await weir('fetch', ...refs, ...others, 'DocChunk/nope', 'Nope/x');
    expect(ran).toMatchObject({ code: 1, err: '' });
    expect(ran.out).toContain('Run `npm ci`.');
    expect(ran.out.match(/^ok /gm)).toHaveLength(4);
    expect(ran.out).toMatch(/refused DocChunk\/nope\n {2}KEY_NOT_FOUND: /);
    expect(ran.out).toMatch(/refused Nope\/x\n {2}TYPE_UNKNOWN: /);
    expect(ran.out).toContain('4 of 6 items in ');
  });

  test('explains, and shows the cache at work', async () => {
    await weir('fetch', 'DocChunk/guide.md#install');
    const ran = await weir('explain', 'DocChunk/guide.md#install');
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(/docs@\d+\.\d+\.\d+ .* memory hit/);
    expect(ran.out).toContain('Snapshot: revision ');
  });

  test('registers, updates, and names every fault with its place', async () => {
    const file = join(folder, 'wiki.yaml');
    const manifest = 'kind: Provider\nname: wiki\nversion: 1.0.0\ncontexts:\n';
    await writeFile(file, `${manifest}  - { type: DocChunk, version: 1.0.0, keyPrefix: wiki/ }\n`);
    expect((await weir('provider', 'register', file)).out).toBe('registered wiki@1.0.0\n');
    await writeFile(file, `${manifest}  - { type: DocChunk, version: 1.0.0, keyPrefix: w/ }\n`);
    expect((await weir('provider', 'register', file)).code).toBe(1);
    const updated = await weir('provider', 'register', '--update', file);
    expect(updated.out).toBe('updated wiki@1.0.0\n');

    await writeFile(file, `${manifest}  - { type: docChunk, version: one }\n`);
    const bad = await weir('provider', 'register', 'wiki.yaml');
    expect(bad.code).toBe(2);
    expect(bad.err).toMatch(/wiki\.yaml:5:13 contexts\[0\]\.type: /);
    expect(bad.err).toMatch(/wiki\.yaml:5:\d+ contexts\[0\]\.version: /);
    expect((await weir('provider', 'deregister', 'wiki')).out).toBe('deregistered wiki@1.0.0\n');
  });

  test('creates keys that work until they are revoked', async () => {
    const created = JSON.parse((await weir('key', 'create', '--principal', 'ci', '--json')).out);
    const asCi = (...args: string[]) =>
      runWeir(args, { env: { WEIR_URL: url, WEIR_KEY: created.secret } });
    expect((await asCi('whoami')).out).toContain('principal  ci\n');
    expect(await asCi('key', 'list')).toMatchObject({ code: 3, out: '' });
    await weir('key', 'revoke', created.key.id);
    await expect.poll(async () => (await asCi('whoami')).code, { timeout: 5_000 }).toBe(3);
  });

  test('rules are tried, compared with what was, put into force and rolled back', async () => {
    const created = JSON.parse((await weir('key', 'create', '--principal', 'lin', '--json')).out);
    const asLin = (...args: string[]) =>
      runWeir(args, { env: { WEIR_URL: url, WEIR_KEY: created.secret } });
    const ref = 'DocChunk/guide.md#install';
    const reads = () => asLin('fetch', ref);
    await expect.poll(async () => (await reads()).code, { timeout: 5_000 }).toBe(0);

    const file = join(folder, 'rules.yaml');
    const rule = (lines: string) => writeFile(file, `kind: Policy\nname: mine\nrules:\n${lines}`);
    const who = 'subjects: { principals: [lin] }, actions: [fetch]';
    await rule(`  - { name: none, effect: deny, ${who} }\n`);
    const tried = await weir('policy', 'test', file, '--as', 'service:lin', '--fetch', ref);
    expect(tried.code).toBe(1);
    expect(tried.out).toContain('denied by mine/none');
    const own = await weir('policy', 'test', file, '--as', 'admin', '--fetch', ref);
    expect(own).toMatchObject({ code: 0 });
    // What was read before is recorded, and soon with the registry.
    const diff = () => weir('policy', 'diff', file);
    await expect.poll(async () => (await diff()).out, { timeout: 10_000 }).toMatch(/lin/);
    expect((await reads()).code).toBe(0);

    expect((await weir('policy', 'put', file, '--comment', 'closed')).code).toBe(0);
    await expect.poll(async () => (await reads()).out, { timeout: 2_000 }).toContain('NOT_FOUND');
    const mask = 'mask: { fields: { pointers: [/text] } }';
    await rule(`  - { name: blind, effect: oblige, ${who}, obligations: [{ ${mask} }] }\n`);
    expect((await weir('policy', 'put', file)).code).toBe(0);
    await expect.poll(async () => (await reads()).out, { timeout: 2_000 }).toMatch(/\*\*\*/);
    expect((await reads()).out).toContain('redacted');
    expect((await weir('policy', 'rollback', 'mine')).code).toBe(0);
    await expect.poll(async () => (await reads()).code, { timeout: 2_000 }).toBe(1);
    expect((await weir('policy', 'versions', 'mine')).out).toMatch(/3.*rollback to version 1/);

    const faulty = 'condition: subject.rank > 3';
    await rule(`  - { name: wrong, effect: deny, ${who}, ${faulty} }\n`);
    const refused = await weir('policy', 'put', file);
    expect(refused.code).toBe(2);
    expect(refused.err).toMatch(/rules\.yaml:4:\d+ .*rank/);
    expect((await weir('policy', 'delete', 'mine')).code).toBe(0);
    await expect.poll(async () => (await reads()).code, { timeout: 2_000 }).toBe(0);
  });

  test('who read what, under which rule, with what masked, and that the record is whole', async () => {
    const [type, key] = ['DocChunk', 'guide.md#install'];
    const search = (...more: string[]) =>
      weir('audit', 'search', '--principal', 'lin', '--type', type, '--key', key, ...more);
    await expect.poll(async () => (await search()).out, { timeout: 10_000 }).toMatch(/mask \/text/);
    const denied = await search('--effect', 'deny');
    expect(denied.out).toMatch(/lin .*denied .*mine\/none/);
    const files = { report: join(folder, 'access.html'), chains: join(folder, 'chains.bin') };
    const about = ['--type', type, '--key', key, '-o', files.report];
    expect((await weir('audit', 'report', 'access', ...about)).code).toBe(0);
    expect(await readFile(files.report, 'utf8')).toContain('mine/none');
    expect((await weir('audit', 'chains', '-o', files.chains)).code).toBe(0);
    const verified = await weir('audit', 'verify', files.chains);
    expect(verified).toMatchObject({ code: 0 });
    const bytes = await readFile(files.chains);
    const at = bytes.indexOf('guide.md#install');
    bytes[at] = 'G'.charCodeAt(0);
    await writeFile(files.chains, bytes);
    expect(await weir('audit', 'verify', files.chains)).toMatchObject({ code: 1 });
  });

  test('weir start ends well when it is told to', async () => {
    server.kill('SIGTERM');
    const [code] = await once(server, 'exit');
    expect(code).toBe(0);
    const ran = await weir('list');
    expect(ran).toMatchObject({ code: 4, out: '' });
  });
});

describe('the program', () => {
  async function start(flags: string[], args: string[]) {
    const child = spawn(process.execPath, [...flags, bin, ...args], { env });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { code: child.exitCode ?? (await once(child, 'exit'))[0], out, err };
  }

  test('ends with its exit code, and what it wrote is whole', async () => {
    expect(await start([], ['--version'])).toEqual({ code: 0, out: expect.any(String), err: '' });
    expect((await start([], ['nope'])).code).toBe(2);
  });

  test('starts itself again where Node cannot run its sources', async () => {
    const ran = await start(['--no-experimental-strip-types'], ['fetch', 'nope']);
    expect(ran.code).toBe(2);
    expect(ran.err).toContain('The ref "nope" has no key');
  });
});
