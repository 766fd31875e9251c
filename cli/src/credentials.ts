import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { exitCodes } from './exit-codes.ts';
import { Failure } from './failure.ts';

/** Where Weir listens when nobody says otherwise. */
export const DEFAULT_URL = 'http://127.0.0.1:7070';
const KEY_FILE = join('.weir', 'admin.key');
const OTHERS_MAY_READ = 0o077;
const KEY_FORM = /^weir_[A-Za-z0-9]+_[A-Za-z0-9_-]+$/;

/** Where credentials are looked for. */
export interface CredentialSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Set by --url. */
  readonly url?: string | undefined;
  /** Set by --key-file. */
  readonly keyFile?: string | undefined;
}

/** The address of Weir: --url, WEIR_URL, or the local default. */
export function findUrl({ env, url }: CredentialSources): string {
  const found = url ?? (env.WEIR_URL || DEFAULT_URL);
  const parsed = URL.parse(found);
  const fault =
    parsed === null || !/^https?:$/.test(parsed.protocol)
      ? 'is no http or https URL'
      : parsed.username !== '' || parsed.password !== ''
        ? 'holds user info, which Weir does not use'
        : undefined;
  if (fault === undefined) return found.replace(/\/+$/, '');
  const shown = parsed?.password ? `${parsed.protocol}//…@${parsed.host}` : found;
  throw new Failure(exitCodes.usage, `The address "${shown}" ${fault}.`, {
    mend: `Write it as in ${DEFAULT_URL}, in --url or WEIR_URL.`,
  });
}

/**
 * The key to call with: the file of --key-file, WEIR_KEY, or the key file of the local Weir, in
 * WEIR_DATA_DIR or else in `.weir` of the current folder or one above it.
 *
 * @throws {Failure} when there is none, others may read its file, or it has the wrong form.
 */
export async function findKey(sources: CredentialSources): Promise<string> {
  const { env, cwd, keyFile } = sources;
  if (keyFile !== undefined) return readKeyFile(resolve(cwd, keyFile));
  const key = env.WEIR_KEY?.trim();
  if (key) return checked(key, 'WEIR_KEY');
  const found = await findKeyFile(env.WEIR_DATA_DIR, cwd);
  if (found === undefined) throw noKey(env.WEIR_DATA_DIR);
  refuseStranger(found, findUrl(sources));
  return readKeyFile(found);
}

async function findKeyFile(dataDir: string | undefined, cwd: string): Promise<string | undefined> {
  if (dataDir) {
    const file = resolve(cwd, dataDir, 'admin.key');
    return (await exists(file)) ? file : undefined;
  }
  for (let folder = cwd; ; folder = dirname(folder)) {
    const file = join(folder, KEY_FILE);
    if (await exists(file)) return file;
    if (folder === dirname(folder)) return undefined;
  }
}

function noKey(dataDir: string | undefined): Failure {
  const place = dataDir ? `in ${dataDir}` : 'in .weir here or in a folder above';
  return new Failure(
    exitCodes.denied,
    `There is no key: WEIR_KEY is not set, and no file admin.key ${place}.`,
    {
      mend: 'Start Weir with `npm start`, which makes one, or set WEIR_KEY or --key-file.',
    },
  );
}

// The key of the local Weir must not wander to another machine because WEIR_URL names one.
function refuseStranger(file: string, url: string): void {
  const { hostname } = new URL(url);
  if (/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)) return;
  throw new Failure(
    exitCodes.denied,
    `The key in ${file} is of a local Weir and is not sent to ${hostname}.`,
    {
      mend: 'Set WEIR_KEY, or name the key file with --key-file.',
    },
  );
}

async function readKeyFile(file: string): Promise<string> {
  const mode = await modeOf(file);
  if (process.platform !== 'win32' && (mode & OTHERS_MAY_READ) !== 0) {
    throw new Failure(
      exitCodes.denied,
      `The key file ${file} can be read by others, so it is not used.`,
      {
        mend: `Run \`chmod 600 ${file}\`, and replace the key if others had access.`,
      },
    );
  }
  return checked((await readFile(file, 'utf8')).trim(), file);
}

async function modeOf(file: string): Promise<number> {
  try {
    const found = await stat(file);
    if (found.isFile()) return found.mode;
  } catch (error) {
    throw new Failure(exitCodes.denied, `The key file ${file} cannot be read.`, {
      mend: 'Name a file that holds a key.',
      cause: error,
    });
  }
  throw new Failure(exitCodes.denied, `${file} is not a file.`, {
    mend: 'Name a file that holds a key.',
  });
}

function checked(key: string, place: string): string {
  if (KEY_FORM.test(key)) return key;
  throw new Failure(exitCodes.denied, `What ${place} holds is not a key of Weir.`, {
    mend: 'A key looks like weir_<id>_<secret>; `weir key create` makes one.',
  });
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
