import { spawn } from 'node:child_process';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openTestFolder, type TestFolder } from '../testing/folder.ts';

/** Nobody listens there. */
const nowhere = 'http://127.0.0.1:1';

type Name = 'docs' | 'sql' | 'logs' | 'metrics';

/** Runs a provider as a user would, in an empty folder; `until` ends it with SIGTERM. */
async function run(name: Name, args: readonly string[], options: { cwd: string; until?: string }) {
  const main = fileURLToPath(new URL(`../${name}/main.ts`, import.meta.url));
  const { WEIR_URL: _url, WEIR_KEY: _key, WEIR_SQL_URL: _sql, ...env } = process.env;
  const child = spawn(process.execPath, [main, ...args], { cwd: options.cwd, env });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
    // Once only: a second signal would end it at once.
    if (options.until && errors.includes(options.until) && !child.killed) child.kill('SIGTERM');
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output, errors };
}

const inFolder = async <T>(use: (folder: TestFolder) => Promise<T>) => {
  await using folder = await openTestFolder({ 'docs/README.md': '# Weir\n' });
  return await use(folder);
};

test.each<{ name: Name; args: string[]; says: string }>([
  { name: 'docs', args: [], says: 'weir docs: --docs DIR is missing: the folder of the documents' },
  { name: 'docs', args: ['--bogus'], says: "weir docs: Unknown option '--bogus': see --help" },
  {
    name: 'docs',
    args: ['--docs', 'none'],
    says: 'weir docs: none is not a folder that can be read: give the folder of your documents',
  },
  {
    name: 'docs',
    args: ['--docs', 'docs', '--port', '70000'],
    says: 'weir docs: --port 70000 is not a port: give 0 to 65535',
  },
  {
    name: 'docs',
    args: ['--docs', 'docs'],
    says: 'weir docs: there is no key: set WEIR_KEY or give --key-file FILE',
  },
  {
    name: 'docs',
    args: ['--docs', 'docs', '--name', 'No Name', '--key', 'k'],
    says: 'weir docs: provider No Name: name must be',
  },
  {
    name: 'docs',
    args: ['--docs', 'docs', '--url', 'http://a:b@host', '--key', 'k'],
    says: 'weir docs: --url holds user info, which Weir does not use: take it out',
  },
  {
    name: 'docs',
    args: ['--docs', 'docs', '--key-file', 'none'],
    says: 'weir docs: the key file none cannot be read: give --key-file FILE',
  },
  { name: 'sql', args: [], says: 'weir sql: --sql URL or WEIR_SQL_URL is missing' },
  {
    name: 'sql',
    args: ['--sql', 'mysql://ada:hush@host/db'],
    says: 'weir sql: the database URL is not like postgres://',
  },
  { name: 'logs', args: ['--file', '/'], says: 'weir logs: "/" is not the name of a file' },
  {
    name: 'metrics',
    args: ['--prometheus', 'nonsense'],
    says: 'weir metrics: the address of the metrics is not like',
  },
])('$name $args is refused in one line', async ({ name, args, says }) => {
  const { code, output, errors } = await inFolder(({ path }) => run(name, args, { cwd: path }));
  expect(errors.trimEnd().split('\n')).toEqual([expect.stringContaining(says)]);
  expect({ code, output }).toEqual({ code: 2, output: '' });
  expect(errors).not.toContain('hush');
});

test('--help shows the flags', async () => {
  const { code, output } = await inFolder(({ path }) => run('sql', ['--help'], { cwd: path }));
  expect(code).toBe(0);
  expect(output).toContain('--sql URL');
  expect(output).toContain('WEIR_SQL_URL');
});

test('a Weir that is not there is waited for, and SIGTERM ends the waiting', async () => {
  await inFolder(async (folder) => {
    await folder.write('key', 'weir_0123456789abcdef_secret\n');
    await chmod(join(folder.path, 'key'), 0o600);
    const args = ['--docs', 'docs', '--url', nowhere, '--key-file', 'key'];
    const { code, errors } = await run('docs', args, {
      cwd: folder.path,
      until: 'register-failed',
    });
    expect({ code, errors }).toEqual({
      code: 0,
      errors: expect.stringContaining('weir docs: closed:'),
    });
    expect(errors).not.toContain('secret');
  });
});

test('the key of the local Weir is found, and never sent elsewhere or read when others can', async () => {
  await inFolder(async (folder) => {
    await folder.write('.weir/admin.key', 'weir_0123456789abcdef_secret\n');
    const file = join(folder.path, '.weir', 'admin.key');
    await chmod(file, 0o644);
    const open = await run('docs', ['--docs', 'docs'], { cwd: folder.path });
    expect(open).toMatchObject({
      code: 2,
      errors: expect.stringContaining('others can read the key file'),
    });
    await chmod(file, 0o600);
    const elsewhere = await run('docs', ['--docs', 'docs', '--url', 'http://weir.example'], {
      cwd: folder.path,
    });
    expect(elsewhere).toMatchObject({
      code: 2,
      errors: expect.stringContaining('there is no key'),
    });
    const local = await run('docs', ['--docs', 'docs', '--url', nowhere], {
      cwd: folder.path,
      until: 'register-failed',
    });
    expect(local.code).toBe(0);
  });
});
