import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { openTestProvider } from '@weir/sdk/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateOpenApi, generatePostgres, openPostgresProvider } from '../src/index.ts';
import {
  hasDocuments,
  openTestDatabase,
  readScript,
  serverUrl,
  strangeScript,
  type TestDatabase,
} from '../src/postgres/testing/test-database.ts';
import { openPython, type Python, pythonMissing } from '../src/python/testing/python.ts';
import { documentsMissing, locate } from './documents.ts';

const timeoutMs = 180_000;
const source = resolve(import.meta.dirname, '../src');

describe.skipIf(pythonMissing)(`projects in Python (skipped: ${pythonMissing ?? 'no'})`, () => {
  let python: Python;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-python-projects-'));
    python = await openPython();
  }, timeoutMs);
  afterAll(async () => {
    await python?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  test.each(['openapi', 'postgres'])(
    'the tests of the runtime of %s pass',
    async (kind) => {
      const cwd = join(source, kind, 'python');
      await using database = serverUrl ? await openTestDatabase() : undefined;
      const ran = await python.run(['-m', 'unittest', 'discover', '-s', 'test'], {
        cwd,
        env: { PYTHONPATH: cwd, DATABASE_URL: database?.url ?? '' },
      });
      expect(ran.output).toMatch(/^OK$/m);
    },
    timeoutMs,
  );

  describe.skipIf(documentsMissing)(`of documents (skipped: ${documentsMissing ?? 'no'})`, () => {
    test.each([
      ['box.json', 'box_platform_api_provider'],
      ['figma.yaml', 'figma_api_provider'],
      ['adyen-checkout.json', 'adyen_checkout_api_provider'],
      ['twilio-verify-v2.json', 'twilio_verify_provider'],
    ])(
      '%s becomes a project that type-checks and whose tests pass, the same each time',
      async (document, name) => {
        const location = await locate(`real/${document}`, folder);
        const out = join(folder, name);
        const options = { location, out, lang: 'python', sdk: 'weir' } as const;
        const generate = () =>
          generateOpenApi({ ...options, signal: new AbortController().signal });
        await generate();
        const { report } = await generate();
        expect(new Set(report.files.map(({ state }) => state))).toEqual(new Set(['unchanged']));
        expect(await python.check(out, [name, 'tests'])).toBe('');
        expect(await testsOf(python, out)).toMatch(/^Ran 3 tests[\s\S]*^OK$/m);
      },
      timeoutMs,
    );
  });

  describe.skipIf(!serverUrl)('of databases (skipped without WEIR_TEST_DATABASE_URL)', () => {
    test.each<[string, boolean, (database: TestDatabase) => Promise<string>]>([
      ['chinook', hasDocuments, () => readScript('chinook.sql')],
      ['northwind', hasDocuments, () => readScript('northwind.sql')],
      ['strange', true, strangeScript],
    ])(
      '%s becomes a project that type-checks and answers as the one in TypeScript does',
      async (name, isHere, script) => {
        if (!isHere) return;
        await using database = await openTestDatabase();
        await database.run(await script(database));
        const { url } = database;
        const out = join(folder, name);
        const generate = () => generatePostgres({ url, folder: out, name, lang: 'python' });
        await generate();
        const { report } = await generate();
        expect(new Set(report.files.map(({ state }) => state))).toEqual(new Set(['unchanged']));
        expect(await python.check(out, [`${name}_provider`, 'tests'])).toBe('');
        expect(await testsOf(python, out, url)).toMatch(/^Ran 1 test[\s\S]*^OK$/m);
        const dumped = await dumpOf(python, out, { name, url });
        expect(dumped).toEqual(await dumpOfTypeScript(url));
        expect(Object.keys(dumped).length).toBeGreaterThan(10);
      },
      timeoutMs,
    );
  });
});

async function testsOf(python: Python, cwd: string, url = ''): Promise<string> {
  const env = { DATABASE_URL: url };
  const args = [
    '-W',
    'error::ResourceWarning',
    '-m',
    'unittest',
    'discover',
    '-s',
    'tests',
    '-t',
    '.',
  ];
  return (await python.run(args, { cwd, env })).output;
}

/** As many keys of a list as are looked at, in pages of few. */
const keysMax = 60;
const pageSize = 7;

/** For each type the values of its first keys, and some that are none. */
type Dump = Readonly<Record<string, readonly (readonly [key: string, value: unknown])[]>>;

const absentKeys = [
  '',
  '-',
  '0',
  'x/y',
  '%zz',
  '2024-02-30',
  '99999999999999999999',
  'a%2Fb',
  '{}',
];

async function dumpOfTypeScript(url: string): Promise<Dump> {
  await using opened = await openPostgresProvider({ url });
  const provider = openTestProvider(opened.provider);
  const types = opened.model.tables.map(async ({ type }) => {
    const keys: string[] = [];
    for (let pageToken = ''; keys.length < keysMax; ) {
      const page = await provider.list(type, { pageSize, pageToken });
      keys.push(...page.entries.map(({ key }) => key));
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
    }
    const asked = [...keys, ...absentKeys].map(async (key) => {
      const outcome = await provider.query(type, key);
      return [key, outcome.kind === 'content' ? outcome.value : outcome.kind] as const;
    });
    return [type, await Promise.all(asked)] as const;
  });
  return Object.fromEntries(await Promise.all(types));
}

/** The same by the project in Python. */
async function dumpOf(
  python: Python,
  cwd: string,
  { name, url }: { readonly name: string; readonly url: string },
): Promise<Dump> {
  const program = `
import asyncio, json, sys
from ${name}_provider.contexts import TABLES
from ${name}_provider.provider import open_provider
from weir.provider import ProviderError
from weir.testing import Content, LocalProvider

def shown(outcome):
    if isinstance(outcome, Content):
        return outcome.value
    return "failure" if isinstance(outcome, ProviderError) else "not-found"

async def main(url):
    async with open_provider(url) as provider:
        local, types = LocalProvider(provider), {}
        for table in TABLES:
            keys, token = [], ""
            while len(keys) < ${keysMax}:
                page = await local.list(table.type, page_size=${pageSize}, page_token=token)
                keys += [entry.key for entry in page.entries]
                token = page.next_page_token
                if not token:
                    break
            keys += ${JSON.stringify(absentKeys)}
            outcomes = await local.query_many(table.type, keys)
            types[table.type] = [[key, shown(each)] for key, each in zip(keys, outcomes)]
        print(json.dumps(types))

asyncio.run(main(sys.argv[1]))
`;
  const ran = await python.run(['-c', program, url], { cwd });
  const line = ran.output.split('\n').find((each) => each.startsWith('{'));
  if (ran.code !== 0 || line === undefined) throw new Error(ran.output);
  return JSON.parse(line);
}
