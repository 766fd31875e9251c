import { join } from 'node:path';
import type { JournalFiles } from './writer/files.ts';

/** From this share of its budget on, the journal is not ready. */
export const FULL_SHARE = 0.9;
/** Segments that there must be room for on the disk, or the journal is not ready. */
const ROOM_SEGMENTS = 2;
/** There must be room for this much to go on after a failure. */
const PROBE_BYTES = 64 * 1024;

/** What a journal takes of the disk, and what it may. */
export interface Room {
  readonly usedBytes: number;
  /** What chains take of it that are set apart: they may take as much again. */
  readonly apartBytes: number;
  readonly maxBytes: number;
  /** What is free on the disk. */
  readonly freeBytes: number;
  readonly segmentMaxBytes: number;
}

/** Why nothing more may be written; undefined: it may. */
export function budgetFault(room: Omit<Room, 'freeBytes' | 'segmentMaxBytes'>) {
  if (countedBytes(room) < room.maxBytes) return undefined;
  return 'the journal takes as much of the disk as it may (WEIR_JOURNAL_MAX_BYTES)';
}

/** Why there will soon be no room; undefined: there is enough. */
export function crowding(room: Room) {
  const { maxBytes, freeBytes, segmentMaxBytes } = room;
  const bytes = countedBytes(room);
  if (bytes >= maxBytes * FULL_SHARE) {
    return `the journal takes ${bytes} of the ${maxBytes} bytes that it may`;
  }
  if (freeBytes >= ROOM_SEGMENTS * segmentMaxBytes) return undefined;
  return `the disk of the journal has only ${freeBytes} bytes left`;
}

function countedBytes({
  usedBytes,
  apartBytes,
  maxBytes,
}: Omit<Room, 'freeBytes' | 'segmentMaxBytes'>) {
  return usedBytes + Math.max(0, apartBytes - maxBytes);
}

/** Writes something as large as what failed is likely to be, and takes it away again. */
export async function probeRoom(directory: string, files: JournalFiles): Promise<void> {
  const path = join(directory, 'probe');
  const file = files.createNow(path);
  try {
    await file.add(Buffer.alloc(PROBE_BYTES));
    await file.sync();
  } finally {
    files.removeNow(path);
    await file.close();
  }
}
