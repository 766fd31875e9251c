import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dumpNewDatabase } from '@weir/registry';
import { createWeir, type Weir } from '@weir/sdk';
import postgres from 'postgres';
import { openStandalone, readStandaloneConfig, type Standalone } from '../src/index.ts';

/** Weir as a test uses it: on real sockets, with a data directory of its own. */
export interface TestWeir extends AsyncDisposable {
  readonly weir: Standalone;
  readonly client: Weir;
  readonly dataDir: string;
}

/** A folder that goes when the test is done. */
export async function openFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'weir-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** The embedded database, migrated, as it was made once for all tests. */
export function embeddedDump(): Promise<Blob> {
  return dumpNewDatabase(tmpdir());
}

/** A new database on the real PostgreSQL that the tests were given. */
export async function openDatabase(serverUrl: string): Promise<{ url: string } & AsyncDisposable> {
  const name = `weir_test_${randomUUID().replaceAll('-', '')}`;
  const admin = postgres(serverUrl, { max: 1, onnotice: () => {} });
  await admin.unsafe(`create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await admin.unsafe(`drop database ${name} with (force)`);
      await admin.end();
    },
  };
}

/** Opens Weir whole, with its ready-made providers. */
export async function openTestWeir(env: NodeJS.ProcessEnv = {}): Promise<TestWeir> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await openFolder());
  const config = readStandaloneConfig({
    WEIR_PORT: '0',
    WEIR_OPS_PORT: '0',
    WEIR_SIGN_IN_PORT: '0',
    WEIR_DATA_DIR: folder.path,
    // Any suite can be run over node:http2 too.
    WEIR_HTTP2: process.env.WEIR_TEST_HTTP2,
    ...env,
  });
  const pgliteDump = config.databaseUrl ? undefined : await embeddedDump();
  const weir = stack.use(await openStandalone({ ...config, pgliteDump }));
  const client = createWeir({ url: weir.url, key: weir.key });
  stack.defer(() => client.close());
  const owned = stack.move();
  return {
    weir,
    client,
    dataDir: folder.path,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Waits until something holds; looks every 20 ms, and fails after a time. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 10_000,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
