import { close, fdatasync, ftruncateSync, openSync, unlinkSync, write, writeSync } from 'node:fs';
import { open, statfs } from 'node:fs/promises';
import { promisify } from 'node:util';

/** An open segment, to be added to. */
export interface SegmentFile {
  /** Adds bytes before it returns. Throws what the system says; a part may have been added then. */
  addNow(bytes: Uint8Array): void;
  /** Adds bytes in the background. */
  add(bytes: Uint8Array): Promise<void>;
  /** Cuts off what lies beyond a length. */
  cutNow(bytes: number): void;
  /** Resolves when what was added lies on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** What the writer asks of the file system: the one place where a fault can be planted. */
export interface JournalFiles {
  /** Creates a file that is not there yet. */
  createNow(path: string): SegmentFile;
  removeNow(path: string): void;
  /** Resolves when the names in a folder lie on the disk. */
  syncFolder(path: string): Promise<void>;
  /** What is free for this process on the disk of a folder, in bytes. */
  freeBytes(path: string): Promise<number>;
}

const writeLater = promisify(write);
const fdatasyncLater = promisify(fdatasync);
const closeLater = promisify(close);

/** The file system of the machine. */
export const systemFiles: JournalFiles = {
  createNow(path) {
    const fd = openSync(path, 'ax', 0o600);
    return {
      addNow(bytes) {
        for (let at = 0; at < bytes.byteLength; ) at += writeSync(fd, bytes, at);
      },
      async add(bytes) {
        for (let at = 0; at < bytes.byteLength; ) {
          at += (await writeLater(fd, bytes, at)).bytesWritten;
        }
      },
      cutNow: (bytes) => ftruncateSync(fd, bytes),
      sync: () => fdatasyncLater(fd),
      close: () => closeLater(fd),
    };
  },
  removeNow: unlinkSync,
  async syncFolder(path) {
    await using folder = await open(path, 'r');
    await folder.sync();
  },
  async freeBytes(path) {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  },
};
