import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  hasDocuments,
  openTestDatabase,
  readScript,
  serverUrl,
} from '@weir/generator/testing/postgres';
import { openPython, type Python, pythonMissing } from '@weir/generator/testing/python';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { said, stop } from './processes.ts';
import { runWeir } from './run-weir.ts';

const root = resolve(import.meta.dirname, '../..');
const documents = join(process.env.WEIR_TEST_DOCUMENTS ?? join(root, '../shared/data'), 'openapi');
const documentsMissing = existsSync(documents) ? '' : `no ${documents}; set WEIR_TEST_DOCUMENTS`;
const patienceMs = 180_000;
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('WEIR_')),
);

/** An example that a project's test has. */
interface Example {
  readonly type: string;
  readonly key: string;
  readonly path: string;
  readonly body: unknown;
  readonly list?: {
    readonly path: string;
    readonly prefix: string;
    readonly body: unknown;
    readonly key: string;
  };
}

/** An API that answers with examples. */
async function openApi(examples: readonly Example[]) {
  const lists = examples.flatMap(({ list }) => (list ? [list] : []));
  const bodies = new Map([...examples, ...lists].map(({ path, body }) => [path, body]));
  const server = createServer(({ url = '' }, response) => {
    const body = bodies.get(url) ?? bodies.get(url.replace(/\?.*/, ''));
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

describe.skipIf(pythonMissing)(`projects in Python (skipped: ${pythonMissing ?? 'no'})`, () => {
  let python: Python;
  let folder: string;
  let server: ChildProcess;
  let access: Readonly<Record<'WEIR_URL' | 'WEIR_KEY', string>>;

  beforeAll(async () => {
    python = await openPython();
    folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
    const args = [join(root, 'cli/bin/weir.js'), 'start', '--port', '0', '--data', '.weir'];
    const own = { WEIR_OPS_PORT: '0', WEIR_SIGN_IN_PORT: '0' };
    server = spawn(process.execPath, args, { cwd: folder, env: { ...env, ...own }, stdio: 'pipe' });
    const [url] = await said(server, /http:\/\/127\.0\.0\.1:\d+(?=[\s\S]*try)/);
    const key = await readFile(join(folder, '.weir', 'admin.key'), 'utf8');
    access = { WEIR_URL: url, WEIR_KEY: key.trim() };
  }, patienceMs);
  afterAll(async () => {
    await python?.[Symbol.asyncDispose]();
    if (server) await stop(server);
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  const weir = (...args: string[]) => runWeir(args, { env: { ...env, ...access }, cwd: folder });
  /** Routers hear of a provider a moment after it is registered. */
  const eventually = (args: readonly string[], wanted: string) =>
    expect
      .poll(async () => (await weir(...args)).out, { timeout: patienceMs, interval: 200 })
      .toContain(wanted);

  describe.skipIf(documentsMissing)(`of a document (skipped: ${documentsMissing})`, () => {
    test.each([
      ['box.json', 'Box', 'box'],
      ['figma.yaml', 'Figma', 'figma'],
      ['adyen-checkout.json', 'Adyen', 'adyen'],
      ['twilio-verify-v2.json', 'Twilio', 'twilio'],
    ])(
      '%s: starts, registers, and answers a fetch and a list',
      async (document, prefix, name) => {
        const out = join(folder, name);
        const args = ['--lang', 'python', '--out', out, '--name', name, '--type-prefix', prefix];
        const generated = await weir(
          'provider',
          'generate',
          'openapi',
          join(documents, document),
          ...args,
        );
        expect(generated).toMatchObject({ code: 0, err: '' });
        const examples: readonly Example[] = JSON.parse(
          await readFile(join(out, 'tests/examples.json'), 'utf8'),
        );
        await using api = await openApi(examples);
        const running = python.start(['-m', `${name}_provider`], {
          cwd: out,
          env: {
            ...access,
            ...(await secretsOf(join(out, `${name}_provider`, 'api.py'))),
            API_BASE_URL: api.url,
            WEIR_OUTBOUND_ALLOW: 'loopback',
          },
        });
        try {
          await said(running, /serving at/);
          for (const { type, key } of examples.slice(0, 5)) {
            await eventually(['fetch', `${type}/${key}`], '1 of 1 item');
          }
          for (const { type, list } of examples.filter((each) => each.list).slice(0, 5)) {
            const listing = ['list', type, '--prefix', list?.prefix ?? '', '--json'];
            await eventually(listing, JSON.stringify(list?.key));
          }
        } finally {
          expect(await stop(running)).toBe(0);
        }
      },
      patienceMs,
    );
  });

  describe.skipIf(!serverUrl || !hasDocuments)('of a database (skipped without one)', () => {
    test.each([
      ['chinook', 'Chinook', 'ChinookArtist/1', 'AC/DC'],
      ['northwind', 'Northwind', 'NorthwindOrderDetail/10248/11', '"quantity": 12'],
    ])(
      '%s: starts, registers, and answers a fetch and a list',
      async (name, prefix, ref, content) => {
        await using database = await openTestDatabase();
        await database.run(await readScript(`${name}.sql`));
        const out = join(folder, name);
        const args = ['--lang', 'python', '--out', out, '--name', name, '--type-prefix', prefix];
        const generated = await weir('provider', 'generate', 'postgres', database.url, ...args);
        expect(generated).toMatchObject({ code: 0 });
        const policy = await weir('policy', 'check', join(out, 'policy.yaml'));
        expect(policy).toMatchObject({ code: 0 });
        const running = python.start(['-m', `${name}_provider`], {
          cwd: out,
          env: { ...access, DATABASE_URL: database.url },
        });
        try {
          await said(running, /serving at/);
          await eventually(['fetch', ref], content);
          const [type = ''] = ref.split('/');
          await eventually(['list', type, '--limit', '3'], '3 entries');
        } finally {
          expect(await stop(running)).toBe(0);
        }
      },
      patienceMs,
    );
  });
});

/** A value for each secret that a project refers to. */
async function secretsOf(file: string): Promise<Record<string, string>> {
  const references = (await readFile(file, 'utf8')).matchAll(/secret:\/\/([^"]+)/g);
  const names = [...references].map(([, name = '']) =>
    name.toUpperCase().replace(/[^A-Z0-9]+/g, '_'),
  );
  return Object.fromEntries(names.map((name) => [name, 'user:not-a-secret']));
}
