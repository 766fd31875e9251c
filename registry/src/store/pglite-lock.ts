import { mkdir, open, readFile, readlink, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Who holds a directory. Process ids are reused; with the start time and boot they are not, and
 * they tell nothing in another container, which has ids of its own.
 */
interface Owner {
  readonly pid: number;
  readonly pidNamespace: string;
  readonly startTime: string;
  readonly bootId: string;
}

/**
 * Takes a directory for this process alone, since two processes on one embedded database lose
 * each other's rows. The lock of a process that is provably dead is taken over.
 */
export async function lockDirectory(directory: string): Promise<AsyncDisposable> {
  const file = `${directory}.lock`;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const self = await ownerOf(process.pid);
  if (!(await tryLock(file, self))) await takeOver(directory, file, self);
  return { [Symbol.asyncDispose]: () => rm(file, { force: true }) };
}

/** Only one process may take over at a time, or it could remove the lock of the one before. */
async function takeOver(directory: string, file: string, self: Owner): Promise<void> {
  const reaping = `${file}.reaping`;
  if (!(await tryLock(reaping, self))) throw new Error(heldText(directory, reaping, undefined));
  try {
    const holder = await readOwner(file);
    if (!holder || !(await isDead(holder))) throw new Error(heldText(directory, file, holder));
    await rm(file, { force: true });
    if (!(await tryLock(file, self))) throw new Error(heldText(directory, file, undefined));
  } finally {
    await rm(reaping, { force: true });
  }
}

async function tryLock(file: string, owner: Owner): Promise<boolean> {
  try {
    await using handle = await open(file, 'wx', 0o600);
    await handle.writeFile(JSON.stringify(owner));
    await handle.sync();
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function readOwner(file: string): Promise<Owner | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isOwner(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isOwner(value: unknown): value is Owner {
  return (
    typeof value === 'object' &&
    value !== null &&
    'pid' in value &&
    Number.isInteger(value.pid) &&
    'pidNamespace' in value &&
    typeof value.pidNamespace === 'string' &&
    'startTime' in value &&
    typeof value.startTime === 'string' &&
    'bootId' in value &&
    typeof value.bootId === 'string'
  );
}

/** Dead for certain: another boot, no such process, or another process under its number. */
async function isDead(owner: Owner): Promise<boolean> {
  const now = await ownerOf(owner.pid);
  if (owner.bootId && now.bootId && owner.bootId !== now.bootId) return true;
  if (owner.pidNamespace !== now.pidNamespace) return false;
  if (!processExists(owner.pid)) return true;
  return Boolean(owner.startTime && now.startTime && owner.startTime !== now.startTime);
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !isCode(error, 'ESRCH');
  }
}

/** What identifies a process. Empty where the system has no /proc: then only the pid tells. */
async function ownerOf(pid: number): Promise<Owner> {
  const [boot, pidNamespace, stat] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
    readlink('/proc/self/ns/pid').catch(() => ''),
    readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''),
  ]);
  // The command, second and in brackets, may hold spaces; the start time is field 22.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { pid, pidNamespace, startTime: fields[19] ?? '', bootId: boot.trim() };
}

function heldText(directory: string, file: string, holder: Owner | undefined): string {
  const who = holder ? `process ${holder.pid}` : 'another process';
  return `The database in ${directory} is in use by ${who}. Stop it, or choose another data directory. If it is certainly not running, delete ${file}.`;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
