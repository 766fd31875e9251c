import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { runWeir } from '../test/run-weir.ts';
import { startEnvironment } from './commands/start.ts';
import { pathOf } from './completion/line.ts';
import { buildProgram } from './program.ts';

const nowhere = {
  terminal: { out: () => {}, outBytes: async () => {}, err: () => {}, color: false },
  env: {},
  cwd: '/',
  stdin: async () => '',
  signal: new AbortController().signal,
  finish: () => {},
};

function leaves(command: Command): Command[] {
  const visible = command.commands.filter((each) => !each.name().startsWith('__'));
  return visible.length === 0 ? [command] : visible.flatMap(leaves);
}

const paths = leaves(buildProgram(nowhere)).map(pathOf);

describe('help', () => {
  test.each(paths.filter((path) => path !== 'help'))('of weir %s has examples', async (path) => {
    const ran = await runWeir(['help', ...path.split(' ')]);
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.out).toContain(`Usage: weir ${path}`);
    expect(ran.out).toContain(`Examples:\n  $ `);
    const option = await runWeir([...path.split(' '), '--help']);
    expect(option).toEqual(ran);
  });

  test('of weir itself lists commands, environment and exit codes', async () => {
    const { code, out } = await runWeir(['--help']);
    expect(code).toBe(0);
    for (const part of ['Commands:', 'Examples:', 'Environment:', 'WEIR_KEY', 'Exit codes:']) {
      expect(out).toContain(part);
    }
    expect(out).not.toContain('__complete');
  });

  test('of no such command says so', async () => {
    expect(await runWeir(['help', 'provider', 'nope'])).toMatchObject({ code: 2, out: '' });
  });
});

describe('wrong usage', () => {
  test('names the command that was meant', async () => {
    const ran = await runWeir(['fecth', 'DocChunk/x']);
    expect(ran.code).toBe(2);
    expect(ran.err).toBe("weir: unknown command 'fecth'\n(Did you mean fetch?)\n");
    expect((await runWeir(['provider', 'regsiter', 'x'])).err).toContain(
      '(Did you mean register?)',
    );
  });

  test.each([
    [['fetch'], "missing required argument 'ref'"],
    [['fetch', 'DocChunk/x', '--max-age', '5'], 'Write a number with a unit'],
    [['list', '--limit', 'many'], 'Write a whole number from 1'],
    [['key', 'create'], "required option '--principal <name>' not specified"],
    [['list', '--nope'], "unknown option '--nope'"],
    [['completion', 'tcsh'], 'Allowed choices are bash, zsh, fish'],
  ])('%j', async (args, text) => {
    const ran = await runWeir(args);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toContain(text);
  });
});

test('weir --version', async () => {
  expect(await runWeir(['--version'])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
  });
});

test('options of weir start stand for settings', () => {
  const options = { port: 8080, data: 'data', docs: '/docs', sql: 'postgres://db/app' };
  expect(
    startEnvironment(options, { env: { PATH: '/bin', WEIR_PORT: '1' }, cwd: '/home' }),
  ).toEqual({
    PATH: '/bin',
    WEIR_PORT: '8080',
    WEIR_DATA_DIR: '/home/data',
    WEIR_DOCS_DIR: '/docs',
    WEIR_SQL_URL: 'postgres://db/app',
  });
});
