import { type FileHandle, open } from 'node:fs/promises';
import { FRAME_MAX_BYTES, readFrame } from '../format/frame.ts';
import { decodeSegmentStart, SEGMENT_START_BYTES } from '../format/segment.ts';
import type { WrittenSegment } from '../writer/segments.ts';

/** An entry, as it lies on the disk. */
export interface StoredEntry {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/** Entries that follow each other. */
export interface ReadEntries {
  /** The position of the first. */
  readonly first: number;
  readonly entries: readonly StoredEntry[];
  /**
   * The hash of the entry before the first, when reading was to begin before it and those entries are
   * not there. Undefined: nothing is missing.
   */
  readonly goneHead: Uint8Array | undefined;
}

/** Reads a chain from its segments, forwards, while it may still be written. */
export interface EntryReader {
  /** Goes to a position; the next entry is that one, or the first that is there behind it. */
  seek(position: number): void;
  /**
   * The next entries before a position, at most `SHIP_MAX_BYTES` of them; undefined: there are none
   * (yet). Throws when a segment cannot be read: GoneSegmentError, DamagedSegmentError.
   */
  next(before: number): Promise<ReadEntries | undefined>;
}

/** How much goes to the registry at once: what it takes in one message, with room to spare. */
export const SHIP_MAX_BYTES = 512 * 1024;

/** A segment is damaged: it cannot be read on. */
export class DamagedSegmentError extends Error {
  override readonly name = 'DamagedSegmentError';
}

/** The file of a segment is not there any more. */
export class GoneSegmentError extends Error {
  override readonly name = 'GoneSegmentError';
  readonly path: string;

  constructor(path: string) {
    super(`${path} is gone`);
    this.path = path;
  }
}

/** Begins at the first entry that is there. */
export function createEntryReader(segments: () => readonly WrittenSegment[]): EntryReader {
  let position = segments()[0]?.first ?? 0;
  /** Where reading goes on behind entries that were to be read and are not there. */
  let resumedAt: number | undefined;
  /** Where in its segment the entry of `path` and `at` stands. */
  let cursor: { path: string; at: number; offset: number } | undefined;

  /** Where reading goes on; undefined: there is nothing. */
  const place = () => {
    const list = segments();
    const segment = list.find(({ end }) => end > position) ?? list.at(-1);
    if (segment === undefined) return undefined;
    if (position < segment.first) {
      position = segment.first;
      resumedAt = position;
    }
    if (cursor?.path !== segment.path || cursor.at > position) {
      cursor = { path: segment.path, at: segment.first, offset: SEGMENT_START_BYTES };
    }
    return { segment, cursor };
  };

  return {
    seek(to) {
      position = to;
      resumedAt = undefined;
    },
    async next(before) {
      for (;;) {
        const found = place();
        if (found === undefined || position >= before) return undefined;
        const { segment, cursor: from } = found;
        if (position >= segment.end) return undefined;
        const chunk = await readChunk(from.path, from.offset, segment.bytes);
        const read = parse(chunk, from, { position, before });
        if (read.count === 0) {
          // Where an old chain ends is not known before.
          if (segment.end === Number.POSITIVE_INFINITY) return undefined;
          throw new DamagedSegmentError(`${from.path} ends before entry ${position}`);
        }
        cursor = { path: from.path, at: from.at + read.count, offset: from.offset + read.bytes };
        if (read.entries.length === 0) continue;
        const { entries } = read;
        const first = position;
        const goneHead = resumedAt === first ? await readHead(segment.path) : undefined;
        position += entries.length;
        return { first, entries, goneHead };
      }
    },
  };
}

/** The hash of the entry before the first of a segment. */
async function readHead(path: string): Promise<Uint8Array> {
  const start = decodeSegmentStart(await readChunk(path, 0, SEGMENT_START_BYTES));
  if (start) return new Uint8Array(start.head);
  throw new DamagedSegmentError(`the start of ${path} cannot be read`);
}

async function readChunk(path: string, offset: number, fileBytes: number): Promise<Buffer> {
  await using file = await openSegment(path);
  const length = Math.min(SHIP_MAX_BYTES + FRAME_MAX_BYTES, Math.max(0, fileBytes - offset));
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, offset);
  return buffer.subarray(0, bytesRead);
}

async function openSegment(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new GoneSegmentError(path);
    }
    throw error;
  }
}

/** The entries of a chunk from a position on; those before it are passed over. */
function parse(
  chunk: Buffer,
  { path, at, offset }: { path: string; at: number; offset: number },
  { position, before }: { position: number; before: number },
) {
  const entries: StoredEntry[] = [];
  let count = 0;
  let bytes = 0;
  let entryBytes = 0;
  while (at + count < before && bytes < chunk.length) {
    const frame = readFrame(chunk, bytes);
    if (frame.kind === 'altered') {
      throw new DamagedSegmentError(`${path} is damaged at ${offset + bytes}: ${frame.text}`);
    }
    if (frame.kind === 'incomplete') break;
    const isWanted = at + count >= position;
    if (isWanted && entryBytes + frame.bytes > SHIP_MAX_BYTES) break;
    if (isWanted) {
      entries.push(frame);
      entryBytes += frame.bytes;
    }
    count += 1;
    bytes += frame.bytes;
  }
  return { entries, count, bytes };
}
