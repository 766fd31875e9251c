import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { modulePath } from '../module.ts';

const run = promisify(execFile);
const sdk = join(import.meta.dirname, '../../../../sdk/go');
/** Where Debian has libraries of Go. */
const libraries = '/usr/share/gocode';
/** The runtimes that projects carry, with their tests. */
export const runtimes = {
  openapi: join(import.meta.dirname, '../../openapi/go/runtime'),
  postgres: join(import.meta.dirname, '../../postgres/go/runtime'),
};
const outputMaxBytes = 64 * 1024 * 1024;

/** Why projects in Go cannot be tried here; undefined: they can. */
export const noGo = reasonAgainst();

function reasonAgainst(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const tools = ['go', 'gofmt', 'protoc-gen-go', 'protoc-gen-go-grpc'];
  const packages = ['google.golang.org/grpc', 'github.com/jackc/pgx/v4', 'golang.org/x/text'];
  const missing = [
    ...tools.filter((tool) => !folders.some((folder) => existsSync(join(folder, tool)))),
    ...packages.filter((name) => !existsSync(join(libraries, 'src', name))),
  ];
  return missing.length === 0 ? undefined : `skipped, since ${missing.join(', ')} is not installed`;
}

/** What a command came to. */
export interface Ran {
  readonly status: number;
  readonly output: string;
}

/** A folder in which Go finds the SDK, and Debian's libraries. */
export interface GoWorkspace extends AsyncDisposable {
  readonly env: NodeJS.ProcessEnv;
  /** Where the project of a name has to lie. */
  folderOf(name: string): string;
  /** Puts a package there, such as a runtime with its tests. */
  copy(folder: string, name: string): Promise<void>;
  /** Runs a command in the project of a name. */
  run(name: string, command: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ran>;
}

/** Builds the SDK, and makes a workspace that goes with the test. */
export async function openGoWorkspace(): Promise<GoWorkspace> {
  await run(join(sdk, 'bin/build'), [], { maxBuffer: outputMaxBytes });
  const path = await mkdtemp(join(tmpdir(), 'weir-go-'));
  const env = {
    ...process.env,
    GO111MODULE: 'off',
    GOFLAGS: '',
    GOPATH: [path, join(sdk, 'build/gopath'), libraries].join(delimiter),
    GOCACHE: join(sdk, 'build/cache'),
  };
  const folderOf = (name: string) => join(path, 'src', modulePath(name));
  return {
    env,
    folderOf,
    async copy(folder, name) {
      await mkdir(join(folderOf(name), '..'), { recursive: true });
      await cp(folder, folderOf(name), { recursive: true });
    },
    async run(name, [program = '', ...args], more = {}) {
      const options = { cwd: folderOf(name), env: { ...env, ...more }, maxBuffer: outputMaxBytes };
      return run(program, args, options).then(
        ({ stdout, stderr }) => ({ status: 0, output: stdout + stderr }),
        (error: { code?: number; stdout?: string; stderr?: string; message: string }) => ({
          status: error.code ?? 1,
          output: `${error.stdout ?? ''}${error.stderr ?? ''}` || error.message,
        }),
      );
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}
