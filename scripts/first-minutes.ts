import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { table } from './tables.ts';

// What a newcomer does, and how long each step takes: a fresh clone installed and started; an OpenAPI
// document, and with --database a database, to a fetched item; the quick start of each language. What was
// installed or compiled before is not used.

const { values } = parseArgs({
  options: {
    /** A PostgreSQL database to make a provider of. Left out: that step is. */
    database: { type: 'string' },
    /** What to fetch of it. */
    ref: { type: 'string', default: 'Artist/1' },
    /** The languages, separated by commas. */
    languages: { type: 'string', default: 'typescript,python,go,java,rust' },
  },
});

const root = join(import.meta.dirname, '..');
const STEP_MAX_MS = 20 * 60_000;

await using stack = new AsyncDisposableStack();
const folder = await mkdtemp(join(tmpdir(), 'weir-newcomer-'));
stack.defer(() => rm(folder, { recursive: true, force: true }));
const clone = join(folder, 'weir');
const rows: string[][] = [['what', 'step', 'seconds']];

await step('install', 'git clone, npm ci', async () => {
  await run('git', ['clone', '--quiet', root, clone], { cwd: folder });
  await run('npm', ['ci', '--no-audit', '--no-fund']);
});
const env = await step('start', 'npm start', () => startWeir('data'));

const bookshop = await openBookshop();
const document = join(clone, 'docs/examples/bookshop.yaml');
await project('OpenAPI', {
  generate: ['openapi', document, '--server', bookshop, '--allow-private'],
  env: { WEIR_OUTBOUND_ALLOW: 'loopback', BOOKSHOP_KEY: 'a-key' },
  ref: 'Book/9780141439518',
});
if (values.database) {
  await project('PostgreSQL', {
    generate: ['postgres'],
    env: { DATABASE_URL: values.database },
    ref: values.ref,
  });
}
for (const language of values.languages.split(',')) await quickStart(language);
console.log(table(rows));

/** Starts a Weir with nothing in it; what its callers need is in the environment that it answers with. */
async function startWeir(data: string): Promise<{ WEIR_URL: string; WEIR_KEY: string }> {
  const args = ['start', '--', '--port', '0', '--data', join(folder, data)];
  const weir = background('npm', args, { env: { WEIR_OPS_PORT: '0', WEIR_SIGN_IN_PORT: '0' } });
  const [, url = ''] = await weir.says(/callers +(\S+)/);
  return {
    WEIR_URL: url,
    WEIR_KEY: (await readFile(join(folder, data, 'admin.key'), 'utf8')).trim(),
  };
}

/** A provider project, from the command that generates it to a fetched item. */
async function project(
  what: string,
  given: { generate: readonly string[]; env: Record<string, string>; ref: string },
): Promise<void> {
  const out = join(folder, `project-${what.toLowerCase()}`);
  const own = { cwd: out, env: { ...env, ...given.env } };
  await step(what, 'weir provider generate', () => {
    const sdk = `file:${join(clone, 'sdk/typescript')}`;
    const args = ['weir', 'provider', 'generate', ...given.generate, '--out', out, '--sdk', sdk];
    return run('npx', args, { env: own.env });
  });
  await step(what, 'npm install, npm test', async () => {
    await run('npm', ['install', '--no-audit', '--no-fund'], own);
    await run('npm', ['test'], own);
  });
  await step(what, 'npm start, weir fetch', async () => {
    const provider = background('npm', ['start'], own);
    await untilFetched(given.ref, env);
    await provider.stop();
  });
}

async function quickStart(language: string): Promise<void> {
  const program = (name: string) => join(clone, 'sdk', language, 'bin', name);
  if (!existsSync(program('quickstart'))) throw new Error(`there is no SDK for ${language}`);
  await step(language, 'bin/build', () => run(program('build'), []));
  // All of them offer the same type, each in a way of its own.
  const own = { env: await startWeir(`data-${language}`) };
  await step(language, 'its quick start', async () => {
    const provider = background(program('quickstart'), ['provider'], own);
    await untilFetched('Ticket/1', own.env);
    const output = await run(program('quickstart'), ['consumer'], own);
    if (!output.includes('Printer on fire')) throw new Error(`${language} printed ${output}`);
    await provider.stop();
  });
}

async function untilFetched(ref: string, at: Readonly<Record<string, string>>): Promise<void> {
  const end = performance.now() + STEP_MAX_MS;
  for (;;) {
    try {
      await run('npx', ['weir', 'fetch', ref], { env: at });
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
    }
  }
}

async function step<T>(what: string, name: string, take: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await take();
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  rows.push([what, name, seconds]);
  process.stderr.write(`${what}: ${name}: ${seconds} s\n`);
  return result;
}

interface Place {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command to its end. Throws with what it wrote when it fails. */
async function run(command: string, args: readonly string[], place: Place = {}): Promise<string> {
  const child = start(command, args, place);
  const output = collect(child);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${code}\n${output()}`);
  return output();
}

/** Starts what goes on until it is stopped. */
function background(command: string, args: readonly string[], place: Place) {
  const child = start(command, args, place);
  const output = collect(child);
  const closed = once(child, 'close');
  const stop = async (): Promise<void> => {
    const isOver = child.exitCode !== null || child.signalCode !== null;
    if (!isOver && child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    await closed;
  };
  stack.defer(stop);
  return {
    stop,
    async says(pattern: RegExp): Promise<RegExpExecArray> {
      for (;;) {
        const found = pattern.exec(output());
        if (found) return found;
        if (child.exitCode !== null) throw new Error(`${command} ended: ${output()}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
  };
}

function start(command: string, args: readonly string[], { cwd = clone, env: more }: Place) {
  return spawn(command, args, {
    cwd,
    env: { ...process.env, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: STEP_MAX_MS,
    // What it starts in turn is stopped with it.
    detached: true,
  });
}

function collect(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
  }
  return () => text;
}

/** The API of docs/examples/bookshop.yaml, as far as it is asked here. */
async function openBookshop(): Promise<string> {
  const book = { isbn: '9780141439518', title: 'Pride and Prejudice' };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://bookshop');
    const found = pathname === `/v1/books/${book.isbn}` ? book : undefined;
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ?? {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}
