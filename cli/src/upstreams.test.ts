import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { runWeir } from '../test/run-weir.ts';
import { wordsOf } from './upstreams.ts';

test.each([
  ['npx -y server ./docs', ['npx', '-y', 'server', './docs']],
  ["a 'b c' d", ['a', 'b c', 'd']],
  ['a "b \\"c\\" \\\\d"', ['a', 'b "c" \\d']],
  ['a\\ b  c', ['a b', 'c']],
  ["--x='y z'", ['--x=y z']],
  ["a ''", ['a', '']],
  ['', []],
])('%s is words as in a shell', (line, words) => {
  expect(wordsOf(line)).toEqual(words);
});

test('an upstream with OAuth is written into the file, and says where to sign in', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
  const file = join(folder, 'upstreams.yaml');
  const env = { WEIR_UPSTREAMS_FILE: file };
  const url = 'https://crm.example/mcp';
  const add = (...more: string[]) =>
    runWeir(['upstream', 'add', 'crm', '--http', url, ...more], { env });
  try {
    expect(await add('--oauth')).toMatchObject({ code: 0 });
    const written = async () => parse(await readFile(file, 'utf8')).upstreams;
    expect(await written()).toEqual([{ name: 'crm', http: { url, oauth: {} } }]);
    expect(await add('--oauth', 'shared=true', '--oauth', 'scope=a b')).toMatchObject({ code: 0 });
    expect((await written())[0].http.oauth).toEqual({ shared: true, scope: 'a b' });
    expect((await add('--oauth', 'shared=perhaps')).err).toContain('neither true nor false');
    expect((await add('--oauth', 'secret=secret://a')).err).toContain('oauth.client is missing');

    const signIn = () => runWeir(['upstream', 'sign-in', 'crm'], { env });
    expect((await signIn()).err).toContain('does not wait for a sign-in');
    const state = { status: 'waiting', pins: {}, offered: 0, held: [], signIn: 'http://here/1' };
    await writeFile(join(folder, 'upstreams.state.json'), JSON.stringify({ crm: state }));
    expect((await signIn()).out).toContain('\nhttp://here/1\n');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
