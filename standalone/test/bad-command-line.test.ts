import { randomUUID } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runMainFile } from './bad-input/surfaces.ts';
import { openFolder } from './weir.ts';

// What a process refuses to start with: code 2, one clear sentence that names the setting and
// the mend, no stack, and nothing listens.

vi.setConfig({ testTimeout: 120_000 });

let folder: { path: string } & AsyncDisposable;

beforeAll(async () => {
  folder = await openFolder();
});

afterAll(() => folder[Symbol.asyncDispose]());

const standalone = 'standalone/src/main.ts';

/**
 * The environment of a start that would work, with something changed. Each start has its own
 * data: some open their database before they refuse, and a database is open in one process.
 */
function envWith(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const dataDir = join(folder.path, 'data', randomUUID());
  return { WEIR_PORT: '0', WEIR_OPS_PORT: '0', WEIR_DATA_DIR: dataDir, ...more };
}

async function refusalOf(file: string, env: NodeJS.ProcessEnv, args: readonly string[] = []) {
  const { exitCode, out, err } = await runMainFile(file, args, { env });
  expect({ exitCode, out }, err).toEqual({ exitCode: 2, out: '' });
  expect(err).toMatch(/^weir: .+\n$/);
  expect(err).not.toMatch(/\bat .*\.(ts|js|mjs):\d|node:internal/);
  return err;
}

test.concurrent.each([
  ['an unknown variable', { WEIR_PROT: '1' }, /WEIR_PROT is not a setting; use WEIR_PORT/],
  ['a variable of nobody', { WEIR_ZZZ: '1' }, /WEIR_ZZZ is not a setting; remove it/],
  ['a port beyond all', { WEIR_PORT: '65536' }, /WEIR_PORT is 65536.*; use 0 to 65535/],
  ['a port that is a text', { WEIR_PORT: 'http' }, /WEIR_PORT is not a whole number; write digits/],
  ['a port of 1e3', { WEIR_PORT: '1e3' }, /WEIR_PORT is not a whole number/],
  [
    'a size without unit',
    { WEIR_CACHE_MAX_BYTES: '5' },
    /WEIR_CACHE_MAX_BYTES .*; write it as 64KiB/,
  ],
  [
    'a negative time',
    { WEIR_SNAPSHOT_MAX_AGE: '-1s' },
    /WEIR_SNAPSHOT_MAX_AGE .*; write it as 250ms/,
  ],
  [
    'a time beyond all',
    { WEIR_SNAPSHOT_MAX_AGE: `${'9'.repeat(400)}s` },
    /WEIR_SNAPSHOT_MAX_AGE is .*; use/,
  ],
  [
    'a log of events in a Redis that is not named',
    { WEIR_EVENTS_LOG: 'redis' },
    /WEIR_EVENTS_LOG is redis, and no Redis is set; set WEIR_EVENTS_REDIS_URL or WEIR_REDIS_URL/,
  ],
  ['a level of nobody', { WEIR_LOG_LEVEL: 'loud' }, /WEIR_LOG_LEVEL .*; use trace/],
  [
    'a database that is none',
    { WEIR_DATABASE_URL: 'http://x' },
    /WEIR_DATABASE_URL .*; write postgres:/,
  ],
  ['a cache that is none', { WEIR_REDIS_URL: 'x' }, /WEIR_REDIS_URL .*; write redis:/],
  ['a host that is none', { WEIR_HOST: '300.1.1.1' }, /address 300\.1\.1\.1:0 .*; choose/],
  ['a folder under /proc', { WEIR_DATA_DIR: '/proc/x' }, /WEIR_DATA_DIR names \/proc\/x.*; name a/],
  [
    'a file for a folder',
    { WEIR_DATA_DIR: import.meta.filename },
    /WEIR_DATA_DIR names .*; name a/,
  ],
  ['no documents', { WEIR_DOCS_DIR: '/nowhere' }, /WEIR_DOCS_DIR names \/nowhere.*; name a/],
])('%s', async (_, env, text) => {
  expect(await refusalOf(standalone, envWith(env))).toMatch(text);
});

test.concurrent.each([
  ['an unknown flag', ['--prot', '7'], /command line.*--prot.*; use --docs, --sql, --port/],
  ['a flag without value', ['--port'], /command line.*; use --docs/],
  ['an argument of nobody', ['extra'], /command line.*; use --docs/],
  ['a port twice', ['--port', '1', '--port', 'x'], /WEIR_PORT is not a whole number/],
])('%s', async (_, args, text) => {
  expect(await refusalOf(standalone, envWith({}), args)).toMatch(text);
});

test('a port in use', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    const { port } = server.address() as { port: number };
    const text = new RegExp(`the address 127\\.0\\.0\\.1:${port} is in use.*; choose another port`);
    const env = { WEIR_PORT: String(port), WEIR_DATA_DIR: join(folder.path, 'port') };
    expect(await refusalOf(standalone, envWith(env))).toMatch(text);
  } finally {
    server.close();
  }
});

describe('a secret of the service', () => {
  async function secretFile(name: string, text: string, mode: number): Promise<string> {
    const dataDir = join(folder.path, name);
    await mkdir(dataDir);
    const file = join(dataDir, 'service.key');
    await writeFile(file, text);
    await chmod(file, mode);
    return dataDir;
  }

  test.concurrent.each([
    ['that all can read', 'open', 'x'.repeat(64), 0o644, /which others can read; chmod 600/],
    ['that is empty', 'empty', '', 0o600, /holds 0 bytes; at least 32 are needed; write it with/],
    ['that is short', 'short', 'secret', 0o600, /holds 6 bytes; at least 32/],
  ])('%s', async (_, name, content, mode, text) => {
    const dataDir = await secretFile(name, content, mode);
    expect(await refusalOf(standalone, envWith({ WEIR_DATA_DIR: dataDir }))).toMatch(text);
    // The registry and the router by themselves are told where it is.
    const env = { WEIR_SERVICE_SECRET_FILE: join(dataDir, 'service.key') };
    const dir = { WEIR_DATA_DIR: join(folder.path, `${name}-own`) };
    expect(await refusalOf('registry/src/main.ts', { ...env, ...dir })).toMatch(text);
    const registryUrl = { WEIR_REGISTRY_URL: 'http://127.0.0.1:1' };
    expect(await refusalOf('router/src/main.ts', { ...env, ...dir, ...registryUrl })).toMatch(text);
  });
});

test.concurrent.each([
  ['no command', [], /Usage: weir/],
  ['a command of nobody', ['fecth'], /unknown command 'fecth'.*\n?.*fetch/],
  ['a flag of nobody', ['fetch', 'A/b', '--nope'], /unknown option '--nope'/],
  ['a flag without value', ['fetch', 'A/b', '--timeout'], /argument missing/],
  ['a ref without key', ['fetch', 'DocChunk'], /key/],
  ['a time without unit', ['fetch', 'A/b', '--timeout', '5'], /with a unit, such as/],
  ['a negative time', ['fetch', 'A/b', '--max-age', '-5s'], /with a unit|argument/],
  ['a limit of -1', ['list', '--limit', '-1'], /whole number from 1 to|argument/],
  ['a limit of 2^31', ['list', '--limit', '2147483648'], /whole number from 1 to 100000/],
  ['a limit NaN', ['list', '--limit', 'NaN'], /whole number from 1 to 100000/],
  ['a quality NaN', ['fetch', 'A/b', '--min-quality', 'NaN'], /number from 0 to 1/],
  [
    'a scope of nobody',
    ['key', 'create', '--principal', 'a', '--scope', 'root'],
    /no scope "root"; there are/,
  ],
  ['a file that is not there', ['provider', 'register', 'none.yaml'], /none\.yaml does not exist/],
  ['a folder for a file', ['provider', 'register', '.'], /cannot be read/],
  ['a version that is empty', ['provider', 'get', 'docs@'], /version after the "@"/],
  ['an address that is none', ['whoami', '--url', 'nonsense'], /url/i],
  ['a shell of nobody', ['completion', 'cmd'], /bash/],
])('weir with %s', async (_, args, text) => {
  const env = { WEIR_KEY: `weir_${'0'.repeat(16)}_${'a'.repeat(43)}` };
  const { exitCode, out, err } = await runMainFile('cli/src/main.ts', args, { env });
  expect({ exitCode, out }, err).toEqual({ exitCode: 2, out: '' });
  expect(err).toMatch(text);
  expect(err).not.toMatch(/\bat .*\.(ts|js|mjs):\d|node:internal/);
});
