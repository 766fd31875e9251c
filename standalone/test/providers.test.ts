import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EndpointHealth } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase, openFolder, openTestWeir, type TestWeir, until } from './weir.ts';

// The ready-made providers, each as a process of its own that registers over the network.

const root = dirname(dirname(import.meta.dirname));
const databaseUrl = process.env.WEIR_TEST_DATABASE_URL ?? '';
let weir: TestWeir;

beforeAll(async () => {
  weir = await openTestWeir();
});

afterAll(() => weir[Symbol.asyncDispose]());

/** Runs a provider, fetches from it once it is registered, and stops it. */
async function serveAndFetch(kind: string, args: readonly string[], type: string) {
  const name = `other-${kind}`;
  const file = join(root, 'providers/src', kind, 'main.ts');
  const child = spawn(process.execPath, [file, ...args, '--name', name], {
    env: { PATH: process.env.PATH, WEIR_URL: weir.weir.url, WEIR_KEY: weir.weir.key },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exited = once(child, 'exit');
  try {
    const list = async () =>
      (await weir.client.listPage({ type, provider: name, pageSize: 500 })).entries;
    await until(async () => (await list()).length > 0, `${name} is listed`, 20_000);
    const keys = (await list()).map(({ ref }) => ref?.key ?? '');
    const [outcome] = await weir.client.fetch([{ type, key: keys[0] ?? '', provider: name }]);
    expect(outcome).toMatchObject({ ok: true, item: { provenance: { provider: name } } });
    return { keys, outcome };
  } finally {
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  }
}

test('documents of a folder', async () => {
  await using folder = await openFolder();
  await mkdir(join(folder.path, 'guides'));
  await writeFile(join(folder.path, 'guides/start.md'), '# Start\n\nHello.\n\n## Then\n\nMore.\n');
  const { keys } = await serveAndFetch('docs', ['--docs', folder.path], 'DocChunk');
  expect(keys).toEqual(['guides/start.md#start', 'guides/start.md#then']);
});

test('a process that stops answering leaves the routes within 5 s, and returns by itself', async () => {
  const args = ['--docs', join(root, 'docs'), '--name', 'pausing'];
  const child = spawn(process.execPath, [join(root, 'providers/src/docs/main.ts'), ...args], {
    env: { PATH: process.env.PATH, WEIR_URL: weir.weir.url, WEIR_KEY: weir.weir.key },
    stdio: 'ignore',
  });
  const healthOf = async () => {
    const { provider } = await weir.client.registry.getProvider({ name: 'pausing' });
    return provider?.endpoints[0]?.health;
  };
  try {
    await until(async () => (await healthOf().catch(() => 0)) === EndpointHealth.UP, 'it is up');
    child.kill('SIGSTOP');
    await until(async () => (await healthOf()) === EndpointHealth.DOWN, 'it is down', 5_000);
    child.kill('SIGCONT');
    await until(async () => (await healthOf()) === EndpointHealth.UP, 'it is up again', 5_000);
  } finally {
    child.kill('SIGKILL');
  }
});

test('lines of a log', async () => {
  await using folder = await openFolder();
  const file = join(folder.path, 'app.log');
  await writeFile(file, '2026-01-02T03:04:05Z ERROR disk full\n');
  const { outcome } = await serveAndFetch('logs', ['--file', file], 'LogEntry');
  expect(outcome).toMatchObject({ item: { value: { severityText: 'ERROR' } } });
});

test('metrics of a Prometheus endpoint', async () => {
  const url = `http://127.0.0.1:${weir.weir.opsPort}/metrics`;
  const { keys } = await serveAndFetch('metrics', ['--prometheus', url], 'Metric');
  expect(keys).toContain('weir_snapshot_age_seconds');
});

// Skipped without a PostgreSQL that the test may create a database in.
test.skipIf(databaseUrl === '')('the schema of a PostgreSQL database', async () => {
  await using database = await openDatabase(databaseUrl);
  const { outcome } = await serveAndFetch('sql', ['--sql', database.url], 'SQLSchema');
  expect(outcome).toMatchObject({ item: { value: { dialect: 'postgresql' } } });
});
