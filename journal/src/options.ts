import type { Clock, Logger } from '@weir/kit';
import type { JournalIntake } from './ship/intake.ts';
import type { JournalFiles } from './writer/files.ts';

/** What a journal needs. */
export interface JournalOptions {
  /** Where it lies; a folder for each chain is made there. */
  readonly directory: string;
  /** Who writes it; the same over restarts. */
  readonly writer: string;
  /** Whether a record counts as written only when it lies on the disk. */
  readonly durable: boolean;
  /** What all segments may take of the disk. */
  readonly maxBytes: number;
  /** How long a segment is kept after the registry has all of it. */
  readonly keepMs: number;
  /** A segment of this size is closed. Default: `SEGMENT_MAX_BYTES`. */
  readonly segmentMaxBytes?: number;
  /** Where records are shipped to. Undefined: nowhere; they stay. */
  readonly intake?: JournalIntake | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** The file system. Default: the machine's. */
  readonly files?: JournalFiles;
  /** Is told of each write and each sync, for metrics. */
  readonly observe?: JournalObserver;
}

/** Is told what takes time, and what failed. */
export interface JournalObserver {
  wrote(tookMs: number): void;
  synced(tookMs: number): void;
  failed(): void;
}

/** A segment of this size is closed. */
export const SEGMENT_MAX_BYTES = 16 * 1024 * 1024;
