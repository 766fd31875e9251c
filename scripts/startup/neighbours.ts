import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ensureServiceSecret } from '@weir/kit';
import { nodeFlags } from '@weir/kit/node-flags';
import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';
import { freePort, type Program, readKey, root, start } from './start.ts';

/** What a router has around it: a registry, another router, and a provider registered through that. */
export interface Neighbours extends AsyncDisposable {
  /** A router with a data directory of its own. */
  router(dataDir: string): Program;
}

const LOOK_EVERY_MS = 20;

const provider = defineProvider({
  name: 'figures',
  version: '1.0.0',
  contexts: [
    defineContext({
      type: 'Figure',
      version: '1.0.0',
      schema: { type: 'string' },
      ttlMs: 600_000,
      fetch: async () => ({ value: 'x'.repeat(1024) }),
    }),
  ],
});

/** Starts them; they stay until disposed of. */
export async function openNeighbours(folder: string): Promise<Neighbours> {
  await using opening = new AsyncDisposableStack();
  const home = await mkdtemp(join(folder, 'registry-'));
  const [secretFile, keyFile] = [join(home, 'service.key'), join(home, 'admin.key')];
  ensureServiceSecret('WEIR_DATA_DIR', secretFile);
  const registryPort = String(await freePort());
  const shared = { WEIR_SERVICE_SECRET_FILE: secretFile, WEIR_OUTBOUND_ALLOW: 'loopback' };
  opening.use(startRegistry({ ...shared, WEIR_DATA_DIR: home, WEIR_REGISTRY_PORT: registryPort }));
  const router = (dataDir: string, port?: number): Program => ({
    main: 'router/src/main.ts',
    env: {
      ...shared,
      WEIR_DATA_DIR: dataDir,
      WEIR_REGISTRY_URL: `http://127.0.0.1:${registryPort}`,
      ...(port && { WEIR_PORT: String(port) }),
    },
    ref: 'Figure/1',
    keyFile,
  });

  while (readKey(keyFile) === undefined) await pause(LOOK_EVERY_MS);
  const port = await freePort();
  const at = { url: `http://127.0.0.1:${port}`, key: readKey(keyFile) ?? '' };
  const [standing, running] = await Promise.all([
    start(router(await mkdtemp(join(folder, 'standing-')), port)),
    serveProvider(provider, { ...at, onEvent: () => {} }),
  ]);
  opening.defer(() => standing.stop());
  opening.use(running);
  const open = opening.move();
  return { router, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

function startRegistry(env: Readonly<Record<string, string>>): AsyncDisposable {
  const child = spawn(process.execPath, [...nodeFlags, 'registry/src/main.ts'], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return {
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}
