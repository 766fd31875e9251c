import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { goText } from './literal.ts';

/** The module of the Go SDK. */
export const sdkModule = 'github.com/weir/weir-go';
const sdkVersion = 'v0.1.0';

/** Where a project's packages lie; to be renamed by whoever publishes it. */
export function modulePath(name: string): string {
  return `example.com/${name}`;
}

/** What a project needs besides the standard library. */
export interface ModuleOptions {
  readonly name: string;
  /** A folder that holds the SDK, or its version. Default: `v0.1.0`. */
  readonly sdk?: string | undefined;
  /** Other modules, each with its version. */
  readonly requires: readonly string[];
}

/** The text of go.mod. */
export function goModText({ name, sdk = sdkVersion, requires }: ModuleOptions): string {
  const isFolder = /^(?:file:|[./])/.test(sdk);
  const version = /^v\d/.test(sdk) ? sdk : sdkVersion;
  const all = [...requires, `${sdkModule} ${version}`].sort();
  const replaced = !isFolder ? [] : ['', `replace ${sdkModule} => ${sdk.replace(/^file:/, '')}`];
  return [
    `module ${modulePath(name)}`,
    '',
    'go 1.19',
    '',
    'require (',
    ...all.map((line) => `\t${line}`),
    ')',
    ...replaced,
    '',
  ].join('\n');
}

/** The sources of a runtime without its tests, as files of a package of the project. */
export async function runtimeFiles(folder: string, into: string): Promise<[string, string][]> {
  const names = (await readdir(folder)).filter((name) => /(?<!_test)\.go$/.test(name)).sort();
  return Promise.all(
    names.map(async (name): Promise<[string, string]> => {
      return [`${into}/${name}`, await readFile(join(folder, name), 'utf8')];
    }),
  );
}

/** Imports in the order and groups of gofmt: the standard library first. */
export function importText(paths: readonly string[]): string {
  const isStandard = (path: string) => !path.includes('.');
  const groups = [paths.filter(isStandard), paths.filter((path) => !isStandard(path))];
  const texts = groups
    .filter((group) => group.length > 0)
    .map((group) =>
      [...group]
        .sort()
        .map((path) => `\t${goText(path)}\n`)
        .join(''),
    );
  return `import (\n${texts.join('\n')})`;
}
