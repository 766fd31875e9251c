import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { runWeir } from './run-weir.ts';

const root = resolve(import.meta.dirname, '../..');
const bin = join(root, 'cli/bin/weir.js');
const compiler = join(root, 'node_modules/ts7/bin/tsc');
const document = join(root, 'docs/examples/bookshop.yaml');
const key = 'the-key-of-the-shop';
const patienceMs = 120_000;
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('WEIR_')),
);

let folder: string;
let weirProcess: ChildProcess;
let weirUrl: string;
let api: Server;
let apiUrl: string;
/** Requests without the key. */
let strangers = 0;

const books = Array.from({ length: 60 }, (_, index) => {
  return { isbn: `isbn-${index + 1}`, title: `Volume ${index + 1}`, price: index };
});
const customer = { id: 7, name: 'Lin', email: 'lin@example.com', iban: 'DE02120300000000202051' };

/** The shop: books in pages, a book, a customer, and only for who has the key. */
function answer(path: string, query: URLSearchParams): unknown {
  const [, isbn] = /^\/books\/(.+)$/.exec(path) ?? [];
  if (isbn) return books.find((each) => each.isbn === isbn);
  if (path === '/shops/a%20b/customers/7') return customer;
  if (path !== '/books') return undefined;
  const size = Number(query.get('per_page') ?? 20);
  const start = (Number(query.get('page') ?? 1) - 1) * size;
  return { books: books.slice(start, start + size) };
}

/** What a process says until it says a text that fits. */
async function said({ stdout, stderr }: ChildProcess, wanted: RegExp): Promise<string> {
  let text = '';
  stderr?.on('data', (chunk) => {
    text += chunk;
  });
  for await (const chunk of stdout ?? []) {
    text += chunk;
    if (wanted.test(text)) return text;
  }
  throw new Error(`it ended: ${text}`);
}

async function stop(process: ChildProcess): Promise<void> {
  if (process.exitCode === null && process.kill('SIGTERM')) await once(process, 'exit');
}

function start(command: readonly string[], more: NodeJS.ProcessEnv, cwd = folder): ChildProcess {
  const given = { cwd, env: { ...env, ...more } };
  return spawn(process.execPath, command, { ...given, stdio: ['ignore', 'pipe', 'pipe'] });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-generate-'));
  api = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://api');
    if (request.headers['x-api-key'] !== key) {
      strangers += 1;
      response.writeHead(401).end();
      return;
    }
    const body = answer(pathname, searchParams);
    response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' });
    response.end(body && JSON.stringify(body));
  });
  await once(api.listen(0, '127.0.0.1'), 'listening');
  apiUrl = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  weirProcess = start([bin, 'start', '--port', '0', '--data', '.weir'], { WEIR_OPS_PORT: '0' });
  const text = await said(weirProcess, /http:\/\/127\.0\.0\.1:\d+[\s\S]*try/);
  weirUrl = /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0] ?? '';
}, patienceMs);

afterAll(async () => {
  api.close();
  await stop(weirProcess);
  await rm(folder, { recursive: true, force: true });
});

const weir = (...args: string[]) => runWeir(args, { env: { WEIR_URL: weirUrl }, cwd: folder });
/** Routers hear of a provider a moment after it is registered. */
const fetched = (ref: string, what: string) =>
  expect
    .poll(async () => (await weir('fetch', ref)).out, { timeout: patienceMs, interval: 200 })
    .toContain(what);

test(
  'an API is served from its document, and its items are fetched and listed',
  async () => {
    const stopping = new AbortController();
    const served = runWeir(
      ['provider', 'serve', 'openapi', document, '--server', apiUrl, '--allow-private'],
      {
        env: { WEIR_URL: weirUrl, BOOKSHOP_KEY: key },
        cwd: folder,
        signal: stopping.signal,
      },
    );
    await fetched('Book/isbn-3', 'Volume 3');
    expect((await weir('fetch', 'ShopCustomer/a%20b/7')).out).toContain('lin@example.com');
    expect((await weir('fetch', 'Book/isbn-99')).out).toContain('KEY_NOT_FOUND');
    const { entries } = JSON.parse((await weir('list', 'Book', '--limit', '100', '--json')).out);
    expect(entries).toHaveLength(books.length);
    stopping.abort();
    expect((await served).out).toMatch(/^serving bookshop@1\.2\.0 at .*: Book, ShopCustomer\n$/);
  },
  patienceMs,
);

describe('a generated project', () => {
  let project: string;

  beforeAll(async () => {
    project = join(folder, 'bookshop');
    const ran = await weir('provider', 'generate', 'openapi', document, '--out', 'bookshop');
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.out).toContain('context types 2, listed 1; operations 1, off until enabled');
    await symlink(join(root, 'node_modules'), join(project, 'node_modules'));
  });

  test(
    'type-checks, and its own tests pass',
    async () => {
      const checked = start([compiler, '-p', '.'], {}, project);
      const [code] = await once(checked, 'exit');
      expect(code).toBe(0);
      const tested = start(['--test', '--test-reporter=tap', 'test/provider.test.ts'], {}, project);
      expect(await said(tested, /# fail \d+/)).toMatch(/# pass 3\n# fail 0/);
    },
    patienceMs,
  );

  test(
    'holds no secret, starts, registers and answers',
    async () => {
      const port = (api.address() as AddressInfo).port;
      const running = start(
        ['src/main.ts'],
        {
          WEIR_URL: weirUrl,
          WEIR_KEY: (await readFile(join(folder, '.weir/admin.key'), 'utf8')).trim(),
          API_BASE_URL: `http://127.0.0.1:${port}`,
          WEIR_OUTBOUND_ALLOW: 'loopback',
          BOOKSHOP_KEY: key,
        },
        project,
      );
      try {
        await said(running, /serving at /);
        await fetched('Book/isbn-5', 'Volume 5');
        expect(strangers).toBe(0);
      } finally {
        await stop(running);
      }
      expect(await readFile(join(project, 'src/api.ts'), 'utf8')).toContain(
        'secret://bookshop-key',
      );
    },
    patienceMs,
  );

  test('suggests a policy that Weir takes, and that hides what it names', async () => {
    const file = join(project, 'policy.yaml');
    const { rules } = parse(await readFile(file, 'utf8'));
    expect(rules).toHaveLength(2);
    expect(await weir('policy', 'check', file)).toMatchObject({ code: 0 });
  });

  test('keeps edits in a second run, and says where both changed the same', async () => {
    const context = join(project, 'src/contexts/book.ts');
    const text = await readFile(context, 'utf8');
    await writeFile(context, text.replace('ttlMs: 60_000', 'ttlMs: 5_000'));
    const changed = join(folder, 'changed.yaml');
    const api = await readFile(document, 'utf8');
    await writeFile(changed, api.replace('page, in: query', 'page_number, in: query'));
    const generate = (file: string, ...more: string[]) =>
      weir('provider', 'generate', 'openapi', file, '--out', 'bookshop', ...more);
    const ran = await generate(changed);
    expect(ran.out).toContain('merged src/contexts/book.ts\n');
    const merged = await readFile(context, 'utf8');
    expect(merged).toContain('ttlMs: 5_000');
    expect(merged).toContain("parameter: 'page_number'");

    await writeFile(context, merged.replaceAll('page_number', 'seite'));
    const refused = await generate(document);
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/src\/contexts\/book\.ts:\d+/);
    expect(refused.err).toContain('Nothing was written.');
    expect(await readFile(context, 'utf8')).toContain('seite');
  });
});

test('a faulty document is told with its places, and nothing is written', async () => {
  const file = join(folder, 'faulty.yaml');
  const text = await readFile(document, 'utf8');
  await writeFile(file, text.replaceAll('schemas/Customer', 'schemas/Nobody'));
  const ran = await weir('provider', 'generate', 'openapi', file, '--out', 'faulty');
  expect(ran.code).toBe(2);
  expect(ran.err).toMatch(
    /\(line \d+\): refers to #\/components\/schemas\/Nobody, which is not there/,
  );
  await expect(readFile(join(folder, 'faulty/package.json'))).rejects.toThrow(/ENOENT/);
});

test('the page on generators says what is there', async () => {
  const page = await readFile(join(root, 'docs/generator.md'), 'utf8');
  const [, block = ''] = /```sh\n([\s\S]*?)```/.exec(page) ?? [];
  const [, ...generate] = (block.trim().split('\n').at(-1) ?? '').split(' ');
  const ran = await runWeir([...generate.slice(0, -1), join(folder, 'from-docs')], { cwd: root });
  expect(ran).toMatchObject({ code: 0, err: '' });
  const [, database = ''] = /(## From a PostgreSQL database[\s\S]*?)\n## /.exec(page) ?? [];
  await expectOptions(database, ['provider serve postgres', 'provider generate postgres', 'list']);
  await expectOptions(page.replace(database, ''), ['provider generate openapi']);
});

/** Every option that a text names is one of these commands. */
async function expectOptions(text: string, commands: readonly string[]): Promise<void> {
  const helped = await Promise.all(
    commands.map(async (command) => (await runWeir([...command.split(' '), '--help'])).out),
  );
  const options = [...text.matchAll(/--[a-z][a-z-]+/g)].map(([option]) => option);
  expect(options.length).toBeGreaterThan(5);
  for (const option of options) expect(helped.join()).toContain(option);
}
