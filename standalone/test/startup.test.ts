import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createWeir } from '@weir/sdk';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { expect, test } from 'vitest';
import { openFolder, until } from './weir.ts';

// Weir as a process, with a cache of its own: what it keeps there to start sooner is only that.

const main = join(import.meta.dirname, '../src/main.ts');
const START_MAX_MS = 90_000;

interface Started {
  readonly url: string;
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

function spawnWeir(folder: string, name: string, args: readonly string[] = []): ChildProcess {
  const inherited = Object.entries(process.env).filter(([variable]) => !/^WEIR_/.test(variable));
  return spawn(process.execPath, [main, ...args], {
    env: {
      ...Object.fromEntries(inherited),
      ...{ WEIR_PORT: '0', WEIR_OPS_PORT: '0', WEIR_DOCS_DIR: join(folder, 'docs') },
      ...{ WEIR_DATA_DIR: join(folder, name), NODE_COMPILE_CACHE: join(folder, 'cache') },
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function start(folder: string, name: string): Promise<Started> {
  const child = spawnWeir(folder, name);
  const exited = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
    const [, url] = /callers\s+(http:\S+)/.exec(line) ?? [];
    if (url === undefined) continue;
    child.stdout?.resume();
    const stop = async (signal: 'SIGTERM' | 'SIGKILL') => {
      child.kill(signal);
      await exited;
    };
    return { url, stop };
  }
  throw new Error('Weir did not start');
}

/** Fetches a document with the administrator's key; makes a principal, and tells which there are. */
async function use(folder: string, name: string, { url }: Started): Promise<string[]> {
  const key = readFileSync(join(folder, name, 'admin.key'), 'utf8').trim();
  const weir = createWeir({ url, key });
  const [outcome] = await weir.fetch(['DocChunk/a.md']);
  expect(outcome?.ok).toBe(true);
  await weir.admin.createKey({
    principal: `agent-of-${name}`,
    title: 'A test',
    scopes: [Scope.READ],
  });
  const { principals } = await weir.admin.listPrincipals({});
  const { providers } = await weir.registry.listProviders({});
  // Those of the process before are gone with it.
  expect(providers.map(({ endpoints }) => endpoints.length)).toEqual([1, 1, 1, 1]);
  weir.close();
  return principals.map((principal) => principal.name).filter((one) => one.startsWith('agent-of'));
}

test(
  'new installations begin alike and share nothing, and kills while they begin harm none',
  async () => {
    await using folder = await openFolder();
    const { path } = folder;
    await mkdir(join(path, 'docs'));
    await writeFile(join(path, 'docs/a.md'), 'a document\n');

    const first = await start(path, 'one');
    expect(await use(path, 'one', first)).toEqual(['agent-of-one']);
    await first.stop('SIGTERM');
    expect((await readdir(join(path, 'cache'))).filter(isTemplate)).toHaveLength(1);

    const killed = spawnWeir(path, 'two');
    await until(
      () => existsSync(join(path, 'two/db.new')),
      'the database is laid out',
      START_MAX_MS,
    );
    killed.kill('SIGKILL');
    await once(killed, 'exit');

    const second = await start(path, 'two');
    expect(await use(path, 'two', second)).toEqual(['agent-of-two']);
    await second.stop('SIGKILL');
    const again = await start(path, 'two');
    expect(await use(path, 'two', again)).toEqual(['agent-of-two']);
    await again.stop('SIGTERM');
  },
  START_MAX_MS,
);

test('a wrong setting ends the process at once, though the thread of the registry is loading', async () => {
  await using folder = await openFolder();
  const child = spawnWeir(folder.path, 'one', ['--colour', 'blue']);
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said += chunk;
  });
  const [code] = (await once(child, 'exit')) as [number];
  expect(code).toBe(2);
  expect(said).toContain('--colour');
  expect(said.trim().split('\n')).toHaveLength(1);
  expect(existsSync(join(folder.path, 'one'))).toBe(false);
});

function isTemplate(name: string): boolean {
  return /^database-[0-9a-f]{16}$/.test(name);
}
