import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateOpenApi } from '../src/index.ts';
import type { ApiModel } from '../src/openapi/model/model.ts';
import { documentsMissing, locate } from './documents.ts';
import { type DocumentRow, documents } from './documents-table.ts';

const run = promisify(execFile);
const modules = resolve(import.meta.dirname, '../../node_modules');
const noteMaxChars = 110;
const { signal } = new AbortController();
const isThere = ([name]: DocumentRow) =>
  !name.startsWith('real/') || documentsMissing === undefined;
const present = documents.filter(isThere);

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-documents-'));
  await mkdir(join(folder, 'projects'));
  await symlink(modules, join(folder, 'node_modules'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const projectOf = (name: string) => join(folder, 'projects', name.replace(/[^A-Za-z0-9.]+/g, '-'));

async function generate(name: string): Promise<ApiModel> {
  const location = await locate(name, folder);
  const { model, report } = await generateOpenApi({
    ...{ location, out: projectOf(name), sdk: '0.1.0', allowExternal: true, signal },
    server: 'https://api.example.com',
  });
  expect(report.isWritten).toBe(true);
  return model;
}

describe.each(documents)('%s', (...row) => {
  const [name, version, counts, notes] = row;
  test.skipIf(!isThere(row))(
    `becomes a project${isThere(row) ? '' : ` (${documentsMissing})`}`,
    async () => {
      const model = await generate(name);
      const { operations, contexts, lists, readOnlyOperations, otherOperations } = model.counts;
      expect(model.counts.version).toBe(version);
      expect([operations, contexts, lists, readOnlyOperations, otherOperations]).toEqual(counts);
      const told = model.notes.map(({ place, text }) => `${place}: ${text}`.slice(0, noteMaxChars));
      expect(told).toEqual(notes);
    },
    120_000,
  );
});

describe('all projects', () => {
  // A few compilers and test runners for all projects together: each takes longer to start than to run.
  test('have types that hold', async () => {
    const settings = {
      extends: `${projectOf(present[0]?.[0] ?? '')}/tsconfig.json`,
      compilerOptions: { incremental: false },
      include: ['projects/*/src', 'projects/*/test'],
    };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings));
    const compiler = join(modules, 'ts7/bin/tsc');
    const { stdout } = await run(process.execPath, [compiler, '-p', folder, '--listFiles']);
    const seen = present.filter(([name]) => stdout.includes(`${projectOf(name)}/src/provider.ts`));
    expect(seen).toHaveLength(present.length);
  }, 600_000);

  test('answer with what their documents show, in their own tests', async () => {
    const fetched = present.filter(([, , [, count]]) => count > 0);
    const files = fetched.map(([name]) => `${projectOf(name)}/test/provider.test.ts`);
    const options = ['--test', '--test-concurrency=2', '--test-reporter=tap'];
    const { stdout } = await run(process.execPath, [...options, ...files], {
      maxBuffer: 64 * 1024 * 1024,
    });
    const [, passed = ''] = /^# pass (\d+)$/m.exec(stdout) ?? [];
    const contexts = fetched.reduce((sum, [, , [, count]]) => sum + count, 0);
    expect(stdout).toMatch(/^# fail 0$/m);
    // One for each project, and one for each context but those whose values are no JSON.
    expect(Number(passed)).toBeGreaterThan(fetched.length + contexts * 0.7);
  }, 900_000);
});

test('the same document makes the same bytes', async () => {
  const [[name] = ['']] = documents.filter(([each]) => each === '3.1/json/train-travel.json');
  const location = await locate(name, folder);
  const out = join(folder, 'again');
  const options = { location, out, sdk: '0.1.0', signal };
  await generateOpenApi(options);
  const { report } = await generateOpenApi(options);
  expect(new Set(report.files.map(({ state }) => state))).toEqual(new Set(['unchanged']));
});
