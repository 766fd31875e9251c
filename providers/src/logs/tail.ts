import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Code } from '@weir/sdk';
import { ProviderError } from '@weir/sdk/provider';
import { toKeyName } from '../keys.ts';
import { shareFor } from '../share.ts';
import type { LogLine } from './entry.ts';
import { createLineCutter, type LineCutter, type RawLine } from './lines.ts';

/** Older entries than these are forgotten. */
const maxEntries = 10_000;
const maxBytes = 16 * 1024 * 1024;
/** So much is read at a time. */
const readBytes = 256 * 1024;
/** So much of a file tells it from others. */
const fingerprintBytes = 1024;

/** The last entries of a log file; it notices what is appended when it is asked. */
export interface LogTail extends AsyncDisposable {
  /** The line with this key. */
  find(key: string, signal: AbortSignal): Promise<LogLine | undefined>;
  /** The lines, oldest first. */
  all(signal: AbortSignal): Promise<readonly LogLine[]>;
}

/** A file that is being followed. It is kept open, so that its end is not lost when it is rotated. */
interface Followed {
  readonly handle: FileHandle;
  readonly inode: number;
  /** Tells it from other files of its name; empty until its first line is there. */
  id: string;
  cutter: LineCutter;
  /** How much of it has been read. */
  position: number;
}

interface Memory {
  readonly log: string;
  readonly lines: Map<string, LogLine>;
  bytes: number;
  newest: string | undefined;
}

/**
 * Follows a log file, which need not exist yet, through appending, rotation and truncation. Keys
 * are `<file name>@<id of the file>-<offset>`: the id comes from the file's inode and first line,
 * so that a key stays the same over restarts, and means no other line once the log is rotated.
 */
export function openLogTail(path: string, refreshMs: number): LogTail {
  const log = toKeyName(basename(path));
  if (log === undefined) throw new Error(`${JSON.stringify(path)} is not the name of a file`);
  const memory: Memory = { log, lines: new Map(), bytes: 0, newest: undefined };
  let followed: Followed | undefined;
  const refresh = shareFor(refreshMs, async () => {
    try {
      followed = await follow(path, followed, memory);
    } catch (cause) {
      throw toProviderError(cause);
    }
  });
  return {
    async find(key, signal) {
      // What was written stays, so a line that is known needs no look at the file.
      const known = memory.lines.get(key);
      if (known || !key.startsWith(`${log}@`)) return known;
      await refresh(signal);
      return memory.lines.get(key);
    },
    async all(signal) {
      await refresh(signal);
      return [...memory.lines.values()];
    },
    async [Symbol.asyncDispose]() {
      await followed?.handle.close();
    },
  };
}

/** The system's own words hold the path. */
function toProviderError(cause: unknown): ProviderError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  const text = `the log cannot be read (${code})`;
  return new ProviderError(Code.Unavailable, text, { retryDelayMs: 5_000, cause });
}

/** Reads what has come since, and turns to another file when it has taken this one's place. */
async function follow(
  path: string,
  current: Followed | undefined,
  memory: Memory,
): Promise<Followed | undefined> {
  const stats = await stat(path).catch(() => undefined);
  if (current && stats?.ino === current.inode) {
    await readOn(current, stats, memory);
    return current;
  }
  if (current && !stats) {
    // Between two files, or removed: what is still open may get more.
    await readOn(current, await current.handle.stat(), memory);
    return current;
  }
  if (current) {
    const last = await current.handle.stat();
    await readOn(current, last, memory);
    remember(memory, current, current.cutter.flush(), last.mtime);
    await current.handle.close();
  }
  if (!stats) return undefined;
  const handle = await open(path, 'r');
  const first = await handle.stat();
  const next = { handle, inode: first.ino, id: '', cutter: createLineCutter(0), position: 0 };
  await readOn(next, first, memory);
  return next;
}

async function readOn(file: Followed, stats: Stats, memory: Memory): Promise<void> {
  if (stats.size === file.position) return;
  const id = await fingerprint(file);
  const isAnother = stats.size < file.position || (file.id !== '' && id !== file.id);
  if (isAnother) {
    file.position = 0;
    file.cutter = createLineCutter(0);
  }
  file.id = id;
  if (id === '') return;
  if (stats.size - file.position > maxBytes) await skipTo(file, stats.size - maxBytes);
  const buffer = Buffer.alloc(readBytes);
  while (file.position < stats.size) {
    const { bytesRead } = await file.handle.read(buffer, 0, readBytes, file.position);
    if (bytesRead === 0) break;
    file.position += bytesRead;
    remember(memory, file, file.cutter.push(buffer.subarray(0, bytesRead)), stats.mtime);
  }
}

/** Goes on at the first line that begins behind an offset. */
async function skipTo(file: Followed, offset: number): Promise<void> {
  const buffer = Buffer.alloc(readBytes);
  for (let at = offset - 1; ; at += readBytes) {
    const { bytesRead } = await file.handle.read(buffer, 0, readBytes, at);
    const found = buffer.subarray(0, bytesRead).indexOf(0x0a);
    if (found === -1 && bytesRead > 0) continue;
    file.position = at + Math.max(found + 1, 0);
    file.cutter = createLineCutter(file.position);
    return;
  }
}

/** From the first line, and from the inode, since two files may begin with the same words. */
async function fingerprint({ handle, inode }: Followed): Promise<string> {
  const { buffer, bytesRead } = await handle.read(
    Buffer.alloc(fingerprintBytes),
    0,
    fingerprintBytes,
    0,
  );
  const end = buffer.subarray(0, bytesRead).indexOf(0x0a);
  if (end === -1 && bytesRead < fingerprintBytes) return '';
  const first = buffer.subarray(0, end === -1 ? bytesRead : end);
  return createHash('sha256').update(`${inode} `).update(first).digest('hex').slice(0, 8);
}

function remember(memory: Memory, file: Followed, lines: readonly RawLine[], seen: Date): void {
  for (const { offset, text, isCut } of lines) {
    const { log, newest } = memory;
    const key = `${log}@${file.id}-${offset}`;
    const previous = newest === undefined ? {} : { previous: newest };
    memory.lines.set(key, { key, ...previous, log, offset, text, isCut, seen });
    memory.bytes += text.length;
    memory.newest = key;
  }
  for (const [key, { text }] of memory.lines) {
    if (memory.lines.size <= maxEntries && memory.bytes <= maxBytes) break;
    memory.lines.delete(key);
    memory.bytes -= text.length;
  }
}
