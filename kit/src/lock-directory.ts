import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, readlink, rm, stat, utimes } from 'node:fs/promises';
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

/** How a directory is locked. */
export interface LockOptions {
  /** What is in it, such as "database"; for the one who reads the error. */
  readonly what: string;
  /**
   * The owner shows four times in this many ms that it lives; a lock not renewed for so long is
   * taken over where nothing else can be known of its owner, as of one in another container.
   * Default: such a lock is left alone.
   */
  readonly staleMs?: number;
  /** Called when the lock was lost to another: nothing may be written any more. */
  readonly onLost?: () => void;
}

/** The directory is in use by another process. */
export class DirectoryHeldError extends Error {
  override readonly name = 'DirectoryHeldError';
  /** Whether nothing can be known of its owner, so that the lock will be free if it is not renewed. */
  readonly mayBeGone: boolean;

  constructor(text: string, mayBeGone: boolean) {
    super(text);
    this.mayBeGone = mayBeGone;
  }
}

/** A lock that tells no owner, and is so old, is that of a process which died while it made it. */
const EMPTY_LOCK_MAX_MS = 10_000;

/**
 * Takes a directory for this process alone, by a file beside it. The lock of a process that is
 * provably dead is taken over, and so is one that is empty and older than `EMPTY_LOCK_MAX_MS`. Throws
 * DirectoryHeldError.
 */
export async function lockDirectory(
  directory: string,
  options: LockOptions,
): Promise<AsyncDisposable> {
  const file = `${directory}.lock`;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const self = await ownerOf(process.pid);
  await acquire(file, self, { directory, ...options });
  const renewal = options.staleMs && renew(file, self, { ...options, staleMs: options.staleMs });
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(renewal || undefined);
      if (isSame(await readOwner(file), self)) await rm(file, { force: true });
    },
  };
}

const RENEWALS = 4;

function renew(
  file: string,
  self: Owner,
  { staleMs, onLost }: LockOptions & { readonly staleMs: number },
): NodeJS.Timeout {
  const renewOnce = async () => {
    if (isSame(await readOwner(file), self)) {
      const now = new Date();
      await utimes(file, now, now).catch(() => {});
      return;
    }
    clearInterval(timer);
    onLost?.();
  };
  const timer = setInterval(() => void renewOnce(), staleMs / RENEWALS);
  return timer.unref();
}

function isSame(held: Owner | undefined, self: Owner): boolean {
  return JSON.stringify(held) === JSON.stringify(self);
}

/**
 * Only one process may take over at a time, or it could remove the lock of the one before. It holds
 * a lock for that, which is taken over in the same way should it die meanwhile.
 */
async function acquire(file: string, self: Owner, held: Held): Promise<void> {
  if (await tryLock(file, self)) return;
  const reaping = `${file}.reaping`;
  await acquire(reaping, self, held);
  try {
    await requireNobody(file, self, held);
    await rm(file, { force: true });
    if (!(await tryLock(file, self))) throw heldError(held, file, undefined);
  } finally {
    await rm(reaping, { force: true });
  }
}

type Held = LockOptions & { readonly directory: string };

/** Throws unless who made the lock is gone. */
async function requireNobody(file: string, self: Owner, held: Held): Promise<void> {
  const holder = await readOwner(file);
  if (!holder) {
    if (!(await isEmpty(file))) throw heldError(held, file, undefined);
    if (await isStale(file, EMPTY_LOCK_MAX_MS)) return;
    throw heldError(held, file, undefined, true);
  }
  const isForeign = holder.pidNamespace !== self.pidNamespace;
  const staleMs = isForeign ? held.staleMs : undefined;
  if ((await isDead(holder)) || (await isStale(file, staleMs))) return;
  throw heldError(held, file, holder, staleMs !== undefined);
}

async function isEmpty(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  return found?.size === 0;
}

async function isStale(file: string, staleMs: number | undefined): Promise<boolean> {
  if (staleMs === undefined) return false;
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > staleMs;
}

/** Under another name first: who is killed meanwhile must not leave a lock that tells no owner. */
async function tryLock(file: string, owner: Owner): Promise<boolean> {
  const draft = `${file}.${randomUUID()}`;
  await create(draft, owner);
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    if (!withoutLinks.some((code) => isCode(error, code))) throw error;
    return await tryCreate(file, owner);
  } finally {
    await rm(draft, { force: true });
  }
}

/** What a file system says that has no hard links. */
const withoutLinks = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

async function tryCreate(file: string, owner: Owner): Promise<boolean> {
  try {
    await create(file, owner);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function create(file: string, owner: Owner): Promise<void> {
  await using handle = await open(file, 'wx', 0o600);
  await handle.writeFile(JSON.stringify(owner));
  await handle.sync();
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

function heldError(
  { what, directory }: Held,
  file: string,
  holder: Owner | undefined,
  mayBeGone = false,
): DirectoryHeldError {
  const who = holder ? `process ${holder.pid}` : 'another process';
  return new DirectoryHeldError(
    `The ${what} in ${directory} is in use by ${who}. Stop it, or choose another data directory. If it is certainly not running, delete ${file}.`,
    mayBeGone,
  );
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
