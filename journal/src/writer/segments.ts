import { join } from 'node:path';
import type { Chain } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { encodeSegmentStart, SEGMENT_START_BYTES, segmentName } from '../format/segment.ts';
import type { ChainMark } from './chain-encoder.ts';
import type { JournalFiles, SegmentFile } from './files.ts';

/** A segment file, as far as it was written. */
export interface WrittenSegment {
  readonly path: string;
  /** The position of its first entry. */
  readonly first: number;
  /** The position after its last one. */
  readonly end: number;
  /** Its size. */
  readonly bytes: number;
  /** Whether more may be added. */
  readonly isOpen: boolean;
}

/** The segment files of a chain, the last of which is added to. */
export interface Segments {
  /** In their order. */
  readonly list: readonly WrittenSegment[];
  /** The size of the one that is open; 0: none is. */
  readonly openBytes: number;
  /** Makes sure that one is open, whose first entry follows the mark. */
  openNow(mark: ChainMark): void;
  /** Adds frames. What `written` was not called for can be cut off. */
  addNow(frames: Uint8Array): void;
  add(frames: Uint8Array): Promise<void>;
  /** The frames that were added are there to stay; `end` is the position after them. */
  written(frames: Uint8Array, end: number): void;
  /** Takes back what was added since. Throws when it cannot be. */
  cutNow(): void;
  /** Resolves when all that was added, and the names of the files, lie on the disk. */
  sync(): Promise<void>;
  /** Closes the one that is open; the next entry opens another. */
  rotate(): Promise<void>;
  /** Forgets a segment that was deleted. */
  forget(path: string): void;
}

/** The segments of a new chain. */
export function createSegments(folder: string, chain: Chain, files: JournalFiles): Segments {
  let list: WrittenSegment[] = [];
  let open: { file: SegmentFile; hasNameSynced: boolean } | undefined;
  let last: WrittenSegment | undefined;

  const file = (): SegmentFile => {
    if (open === undefined) throw new Error('no segment is open');
    return open.file;
  };
  const update = (segment: WrittenSegment) => {
    last = segment;
    list = [...list.slice(0, -1), segment];
  };

  return {
    get list() {
      return list;
    },
    get openBytes() {
      return open && last ? last.bytes : 0;
    },
    openNow({ position, head }) {
      if (open !== undefined) return;
      const path = join(folder, segmentName(position));
      const start = { chain, first: position, head: Buffer.from(head, 'binary') };
      const created = files.createNow(path);
      try {
        created.addNow(encodeSegmentStart(start));
      } catch (error) {
        void created.close().catch(() => {});
        files.removeNow(path);
        throw error;
      }
      open = { file: created, hasNameSynced: false };
      const bytes = SEGMENT_START_BYTES;
      last = { path, first: position, end: position, bytes, isOpen: true };
      list = [...list, last];
    },
    addNow: (frames) => file().addNow(frames),
    add: (frames) => file().add(frames),
    written(frames, end) {
      if (last) update({ ...last, end, bytes: last.bytes + frames.byteLength });
    },
    cutNow() {
      if (last && open) open.file.cutNow(last.bytes);
    },
    async sync() {
      const syncing = open;
      if (syncing === undefined) return;
      await syncing.file.sync();
      if (syncing.hasNameSynced) return;
      await files.syncFolder(folder);
      syncing.hasNameSynced = true;
    },
    async rotate() {
      const closing = open;
      if (closing === undefined || last === undefined) return;
      update({ ...last, isOpen: false });
      open = undefined;
      await closing.file.sync();
      await files.syncFolder(folder);
      await closing.file.close();
    },
    forget(path) {
      list = list.filter((segment) => segment.path !== path);
    },
  };
}
