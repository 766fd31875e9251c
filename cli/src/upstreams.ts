import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { exitCodes } from './exit-codes.ts';
import { Failure, usageFailure } from './failure.ts';
import type { Shell } from './shell.ts';

// A stdio upstream is a command that runs on the machine of the connector. So these commands edit
// the operator's file there, and no call of Weir can.

/** The module that knows the file; loaded when it is needed, as most commands do without. */
export function loadUpstreams() {
  return import('@weir/mcp/client');
}

/** The operator's file: WEIR_UPSTREAMS_FILE, or upstreams.yaml in the data directory of Weir. */
export async function findUpstreamsFile({ env, cwd }: Pick<Shell, 'env' | 'cwd'>): Promise<string> {
  if (env.WEIR_UPSTREAMS_FILE) return resolve(cwd, env.WEIR_UPSTREAMS_FILE);
  if (env.WEIR_DATA_DIR) return resolve(cwd, env.WEIR_DATA_DIR, 'upstreams.yaml');
  for (let folder = cwd; ; folder = dirname(folder)) {
    const dataDir = join(folder, '.weir');
    if (await isFolder(dataDir)) return join(dataDir, 'upstreams.yaml');
    if (folder === dirname(folder)) break;
  }
  throw new Failure(exitCodes.usage, 'There is no folder .weir here or in a folder above.', {
    mend: 'Start Weir once, or set WEIR_DATA_DIR or WEIR_UPSTREAMS_FILE.',
  });
}

/** Does something with the file; what is wrong with it is said in the words of whoever reads it. */
export async function withFile<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof Error && error.name === 'SettingsError') throw usageFailure(error.message);
    throw error;
  }
}

/** An upstream of the operator's file, and what its connector knows of it. Throws where there is none. */
export async function findUpstream(
  shell: Pick<Shell, 'env' | 'cwd'>,
  name: string,
  options: { readonly tenant?: string },
) {
  const file = await findUpstreamsFile(shell);
  const id = upstreamId(name, options);
  const { readUpstreams, readStates, stateFileOf, idOf } = await loadUpstreams();
  const configs = await withFile(() => readUpstreams(file));
  const config = configs.find((each) => idOf(each) === id);
  if (!config) throw noUpstream(id, file);
  return { id, config, state: readStates(stateFileOf(file))?.[id] };
}

/** The failure of a command that names an upstream which is not there. */
export function noUpstream(id: string, file: string): Failure {
  return new Failure(exitCodes.refused, `There is no upstream ${id} in ${file}.`, {
    mend: '`weir upstream list` shows what there is.',
  });
}

/** The name by which an upstream is known: with its tenant, if it has one. */
export function upstreamId(name: string, { tenant }: { readonly tenant?: string }): string {
  return tenant ? `${tenant}/${name}` : name;
}

/** Cuts a command line into words, as a shell does: at spaces that are not in quotes. */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [word] of line.matchAll(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/g)) {
    words.push(
      word.replaceAll(/\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_, escaped, double, single) =>
        double === undefined ? (escaped ?? single) : double.replaceAll(/\\(["\\])/g, '$1'),
      ),
    );
  }
  return words;
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
