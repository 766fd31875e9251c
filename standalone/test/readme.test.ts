import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFolder, openTestWeir, type TestWeir, until } from './weir.ts';

// What the README shows is run here, as it stands there.

const root = dirname(dirname(import.meta.dirname));
const run = promisify(execFile);
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const scripts = (
  JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  }
).scripts;

const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, text = '']) => text,
  );
const commands = blocks('sh')
  .flatMap((block) => block.split('\n'))
  .filter((line) => line !== '');

let weir: TestWeir;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  weir = await openTestWeir();
  // What the tests themselves are told is no setting of Weir.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('WEIR_TEST_'));
  env = {
    ...Object.fromEntries(inherited),
    WEIR_URL: weir.weir.url,
    WEIR_KEY: weir.weir.key,
    PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}`,
  };
  await until(
    async () => (await weir.client.fetch(['SQLSchema/weir']))[0]?.ok === true,
    'the providers are up',
  );
});

afterAll(async () => {
  // What its commands write.
  for (const file of ['access.html', 'chains.bin']) await rm(join(root, file), { force: true });
  await weir[Symbol.asyncDispose]();
});

const shown = commands.filter((command) => command.startsWith('npx '));
const started = commands.filter((command) => /^(node|npm start --) /.test(command));

test('the README leads with the two commands, and every command in it is tried below', () => {
  expect(commands[0]).toBe('npm ci && npm start');
  expect(commands).toContain('npm ci && npm test');
  expect(shown.length + started.length).toBe(commands.length - 2);
  expect(scripts.start).toContain('standalone/src/main.ts');
  expect(scripts.test).toContain('vitest run');
  for (const [, file = ''] of readme.matchAll(/\]\((?!http)([^)#]+)/g)) {
    expect(existsSync(join(root, file)), file).toBe(true);
  }
});

describe('commands', () => {
  // In the order of the README: a later command may need an earlier one.
  test.each(shown)('%s', async (command) => {
    const { stdout, stderr } = await run('sh', ['-c', command], { cwd: root, env });
    // What is written into a file is told of beside it.
    expect(command.includes(' -o ') ? stderr.trim() : stdout.trim()).not.toBe('');
  });
});

describe('programs', () => {
  test.each(blocks('ts').map((program, i) => [i + 1, program]))('number %i', async (_, program) => {
    const file = join(root, 'standalone/test', `.readme-${process.pid}.ts`);
    try {
      await writeFile(file, program);
      const { stdout } = await run(process.execPath, [file], { cwd: root, env });
      expect(stdout.trim()).not.toBe('');
      const compiler = join(root, 'node_modules/ts7/bin/tsc');
      const strict = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck'];
      const modern = ['--target', 'es2024', '--module', 'nodenext', '--types', 'node'];
      const checked = run(process.execPath, [compiler, ...strict, ...modern, file], { cwd: root });
      await checked.catch((error: { stdout: string }) => expect(error.stdout).toBe(''));
    } finally {
      await rm(file, { force: true });
    }
  });
});

describe('processes', () => {
  /** Starts a command, waits until it prints what is expected, and stops it as a user would. */
  async function start(command: string, more: NodeJS.ProcessEnv, expected: RegExp) {
    const child = spawn('sh', ['-c', `exec ${command}`], {
      cwd: root,
      env: { ...env, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let printed = '';
    child.stdout.on('data', (chunk) => {
      printed += chunk;
    });
    child.stderr.on('data', (chunk) => {
      printed += chunk;
    });
    const exited = once(child, 'exit');
    try {
      await until(
        () => expected.test(printed) || child.exitCode !== null,
        `${command} is up`,
        60_000,
      );
      expect(printed).toMatch(expected);
    } finally {
      child.kill('SIGTERM');
    }
    const [code] = await exited;
    expect(code).toBe(0);
    return printed;
  }

  test('npm start', { timeout: 120_000 }, async () => {
    await using folder = await openFolder();
    const { WEIR_URL: _url, WEIR_KEY: _key, ...own } = env;
    const more = { ...own, WEIR_DATA_DIR: folder.path, WEIR_PORT: '0', WEIR_OPS_PORT: '0' };
    const printed = await start(scripts.start ?? '', more, /npx weir fetch/);
    expect(printed).toContain('weir_');
    expect(existsSync(join(folder.path, 'admin.key'))).toBe(true);
  });

  test('the docs provider as a process of its own', async () => {
    const command = started.find((line) => line.includes('docs/main.ts')) ?? '';
    await start(command, {}, /handbook/);
    const { providers } = await weir.client.registry.listProviders({});
    expect(providers.map((p) => p.manifest?.name)).toContain('handbook');
  });

  test('npm start with other sources', { timeout: 120_000 }, async () => {
    await using folder = await openFolder();
    const command = started.find((line) => line.startsWith('npm start -- ')) ?? '';
    const flags = command.replace('npm start --', '');
    const more = { WEIR_DATA_DIR: folder.path, WEIR_PORT: '0', WEIR_OPS_PORT: '0' };
    await start(`${scripts.start} ${flags}`, more, /npx weir fetch/);
  });

  test('registry and router apart', { timeout: 120_000 }, async () => {
    await using folder = await openFolder();
    const [registry, router] = ['registry/src', 'router/src'].map(
      (room) => started.find((line) => line.includes(`${room}/main.ts`)) ?? '',
    );
    const secretFile = join(folder.path, 'service.key');
    await writeFile(secretFile, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
    const port = await freePort();
    const opsPort = await freePort();
    const shared = { WEIR_SERVICE_SECRET_FILE: secretFile, WEIR_LOG_LEVEL: 'info' };
    const registryRuns = spawn('sh', ['-c', `exec ${registry}`], {
      cwd: root,
      env: { ...env, ...shared, WEIR_DATA_DIR: folder.path, WEIR_REGISTRY_PORT: String(port) },
      stdio: 'ignore',
    });
    const registryExited = once(registryRuns, 'exit');
    const routerEnv = {
      ...shared,
      WEIR_DATA_DIR: join(folder.path, 'router'),
      WEIR_REGISTRY_URL: `http://127.0.0.1:${port}`,
      WEIR_PORT: '0',
      WEIR_OPS_PORT: String(opsPort),
    };
    try {
      await start(router ?? '', routerEnv, /registry: following/);
    } finally {
      registryRuns.kill('SIGTERM');
    }
    expect(await registryExited).toEqual([0, null]);
  });
});

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
