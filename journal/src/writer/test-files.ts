import { type JournalFiles, type SegmentFile, systemFiles } from './files.ts';

/** A disk that has faults. */
export interface TestFiles extends JournalFiles {
  /** What can still be written, in bytes; a write beyond it is done in part, and fails. */
  room: number;
  /** While it is set, to sync fails with it. */
  syncFault: Error | undefined;
  /** Writes and syncs wait for it. */
  gate: Promise<void> | undefined;
  /** How often it was synced. */
  syncs: number;
  /** How long the loop is held up by a write on it, in ms. */
  slowMs: number;
  /** How often it was written to in the background. */
  writesAside: number;
}

/** A disk without faults yet. */
export function createTestFiles(): TestFiles {
  const take = (bytes: Uint8Array): Uint8Array => {
    const taken = bytes.subarray(0, Math.max(0, files.room));
    files.room -= taken.byteLength;
    return taken;
  };
  const full = () => Object.assign(new Error('no space left'), { code: 'ENOSPC' });
  const wrap = (file: SegmentFile): SegmentFile => ({
    addNow(bytes) {
      if (files.slowMs > 0)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, files.slowMs);
      const taken = take(bytes);
      if (taken.byteLength > 0) file.addNow(taken);
      if (taken.byteLength < bytes.byteLength) throw full();
    },
    async add(bytes) {
      files.writesAside += 1;
      await files.gate;
      const taken = take(bytes);
      if (taken.byteLength > 0) await file.add(taken);
      if (taken.byteLength < bytes.byteLength) throw full();
    },
    cutNow: file.cutNow,
    async sync() {
      await files.gate;
      files.syncs += 1;
      if (files.syncFault) throw files.syncFault;
      await file.sync();
    },
    close: file.close,
  });
  const files: TestFiles = {
    ...systemFiles,
    room: Number.POSITIVE_INFINITY,
    syncFault: undefined,
    gate: undefined,
    syncs: 0,
    slowMs: 0,
    writesAside: 0,
    createNow: (path) => wrap(systemFiles.createNow(path)),
  };
  return files;
}
