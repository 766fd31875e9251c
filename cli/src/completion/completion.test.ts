import { execFileSync, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runWeir } from '../../test/run-weir.ts';
import { serveWeir, type WeirServer } from '../../test/weir-server.ts';
import { scripts } from './scripts.ts';

const keys = ['README.md', 'README.md#install', 'docs/a b.md'];
let server: WeirServer;

beforeAll(async () => {
  server = await serveWeir({
    registry: {
      listTypes: () => ({
        types: [
          { manifest: { name: 'DocChunk', version: '1.1.0', title: 'Part' } },
          { manifest: { name: 'DocChunk', version: '1.0.0', title: 'Part' } },
          { manifest: { name: 'Metric', version: '1.0.0' } },
        ],
      }),
      listProviders: () => ({ providers: [{ manifest: { name: 'docs', title: 'Documents' } }] }),
    },
    router: {
      listContext: ({ type, keyPrefix }) => ({
        entries: keys
          .filter((key) => key.startsWith(keyPrefix))
          .map((key) => ({ ref: { type, key }, title: 'T' })),
      }),
    },
  });
});

afterAll(() => server[Symbol.asyncDispose]());

async function complete(...words: string[]): Promise<string[]> {
  const { out } = await runWeir(['__complete', '--', '--url', server.url, ...words]);
  return out.trimEnd().split('\n');
}

describe('completion', () => {
  test('of commands', async () => {
    expect(await complete('f')).toEqual(['fetch\tfetches context, many items in one call']);
    const inside = await complete('provider', '');
    expect(inside.map((line) => line.split('\t')[0])).toEqual([
      'register',
      'list',
      'get',
      'deregister',
      'generate',
      'serve',
    ]);
    expect(await complete('help', 'type', 'pub')).toEqual([expect.stringMatching(/^publish\t/)]);
    expect((await complete('')).join()).not.toContain('__complete');
  });

  test('of options, with those of weir itself', async () => {
    const flags = await complete('fetch', 'DocChunk/x', '--m');
    expect(flags.map((line) => line.split('\t')[0])).toEqual(['--max-age', '--min-quality']);
    expect(await complete('list', '--js')).toEqual([expect.stringMatching(/^--json\t/)]);
  });

  test('of types, keys and providers as Weir knows them', async () => {
    expect(await complete('fetch', 'D')).toEqual(['DocChunk/\tPart']);
    expect(await complete('list', '')).toEqual(['DocChunk\tPart', 'Metric']);
    expect(await complete('fetch', 'DocChunk@^1/README')).toEqual([
      'DocChunk@^1/README.md\tT',
      'DocChunk@^1/README.md#install\tT',
    ]);
    expect(await complete('list', '--provider', 'd')).toEqual(['docs\tDocuments']);
    expect(await complete('list', '--provider=d')).toEqual(['--provider=docs\tDocuments']);
    expect(await complete('provider', 'get', '')).toEqual(['docs\tDocuments']);
  });

  test('of files and choices', async () => {
    expect(await complete('provider', 'register', 'x')).toEqual([':files']);
    expect(await complete('start', '--docs', '')).toEqual([':files']);
    expect(await complete('completion', 'b')).toEqual(['bash']);
    expect(await complete('key', 'create', '--scope', 're')).toEqual(['read', 'register']);
  });

  test('says nothing when Weir does not answer', async () => {
    const args = ['__complete', '--', '--url', 'http://127.0.0.1:1', 'list', ''];
    expect(await runWeir(args)).toEqual({ code: 0, out: '', err: '' });
  });

  test.each(['bash', 'zsh', 'fish'])('has a script for %s', async (shell) => {
    const { code, out } = await runWeir(['completion', shell]);
    expect(code).toBe(0);
    expect(out).toContain('__complete');
  });
});

const noBash = spawnSync('bash', ['--version']).status !== 0;

// Bash calls the function with the command, the word as it cuts it, and the word before.
function completeInBash(line: string, word: string, candidates: string): string[] {
  const program = `
    weir() { printf '%b' "$CANDIDATES"; }
    COMP_LINE="$LINE" COMP_POINT=\${#LINE}
    _weir weir "$WORD" before
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const env = { PATH: process.env.PATH, LINE: line, WORD: word, CANDIDATES: candidates };
  const out = execFileSync('bash', ['--norc', '-c', scripts.bash + program], {
    env,
    encoding: 'utf8',
  });
  return out.trimEnd().split('\n');
}

describe.skipIf(noBash)('completion in Bash', () => {
  test('takes words and leaves what they mean', () => {
    const candidates = 'fetch\\tfetches\\nfoo bar\\n';
    expect(completeInBash('weir f', 'f', candidates)).toEqual(['fetch', 'foo bar']);
  });

  test('leaves out what Bash takes for words of their own', () => {
    const line = 'weir fetch LogEntry@^1/a:b';
    const candidates = 'LogEntry@^1/a:bc\\tT\\n';
    expect(completeInBash(line, 'b', candidates)).toEqual(['bc']);
    expect(completeInBash('weir fetch LogEntry/a:', '', 'LogEntry/a:b\\n')).toEqual(['b']);
    expect(completeInBash(line, '@^1/a:b', candidates)).toEqual(['@^1/a:bc']);
  });
});
