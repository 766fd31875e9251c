import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const sdk = resolve(import.meta.dirname, '../../../../sdk/python');
/** That of the system, whose packages Debian has. */
const systemPython = '/usr/bin/python3';
const modules = 'google.protobuf, grpc.aio, aiohttp, psycopg, psycopg_pool, venv';
const tools = ['protoc', 'grpc_python_plugin'];

/** Why projects in Python cannot be tried; undefined: they can. */
export const pythonMissing = missingOf();

function missingOf(): string | undefined {
  const imported = spawnSync(systemPython, ['-c', `import ${modules}`], { encoding: 'utf8' });
  if (imported.error) return `${systemPython} is missing`;
  if (imported.status !== 0) return imported.stderr.trim().split('\n').at(-1);
  const tool = tools.find((name) => !hasTool(name));
  return tool && `${tool} is missing`;
}

function hasTool(name: string): boolean {
  return spawnSync('which', [name]).status === 0;
}

/** How a program ended. */
export interface Ran {
  readonly code: number;
  /** What it said on stdout and stderr. */
  readonly output: string;
}

/** A Python that has the SDK, as after an installation. */
export interface Python extends AsyncDisposable {
  /** Runs Python with arguments until it ends. */
  run(args: readonly string[], options: RunOptions): Promise<Ran>;
  /** Starts Python with arguments. */
  start(args: readonly string[], options: RunOptions): ChildProcess;
  /** What the formatter and the type checker find in packages of a folder; those that are there. */
  check(folder: string, packages: readonly string[]): Promise<string>;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Opens a Python that has the SDK, in a folder of its own. */
export async function openPython(): Promise<Python> {
  await run(join(sdk, 'bin/build'));
  const folder = await mkdtemp(join(tmpdir(), 'weir-python-'));
  await run(systemPython, ['-m', 'venv', '--without-pip', '--system-site-packages', folder]);
  const python = join(folder, 'bin/python3');
  const site = await run(python, ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))']);
  await writeFile(join(site.stdout.trim(), 'weir.pth'), `${join(sdk, 'out/package')}\n`);
  const environment = { PYTHONPYCACHEPREFIX: join(folder, 'pycache'), PYTHONUNBUFFERED: '1' };
  const optionsOf = ({ cwd, env }: RunOptions) => ({
    cwd,
    env: { PATH: process.env.PATH, ...environment, ...env },
    maxBuffer: 64 * 1024 * 1024,
  });
  const ran = (file: string, args: readonly string[], options: RunOptions): Promise<Ran> =>
    run(file, args, optionsOf(options)).then(
      ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
      ({ code, stdout, stderr }) => ({ code: Number(code) || 1, output: stdout + stderr }),
    );
  return {
    run: (args, options) => ran(python, args, options),
    start: (args, options) => spawn(python, args, { ...optionsOf(options), stdio: 'pipe' }),
    async check(cwd, packages) {
      const types = ['--python-executable', python, '--cache-dir', join(folder, 'mypy')];
      const found = [
        ...(hasTool('black')
          ? [await ran('black', ['--check', '--diff', '-q', ...packages], { cwd })]
          : []),
        ...(hasTool('mypy') ? [await ran('mypy', [...types, ...packages], { cwd })] : []),
      ];
      return found
        .map(({ code, output }) => (code === 0 ? '' : `${output} ends with ${code}`))
        .join('');
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
