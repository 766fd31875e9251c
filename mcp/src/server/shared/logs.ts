import type { JsonObject } from '@bufbuild/protobuf';

/**
 * Logs in which the routers of an installation tell each other things, in the order in which they were
 * committed. Nobody else can read or write what is in them. All of it throws when they cannot be reached.
 */
export interface SharedLogs {
  /** Resolves when the entries are committed, in their order, at the end of the log of that name. */
  append(log: string, entries: readonly JsonObject[], signal: AbortSignal): Promise<void>;
  /** Which part of a log is kept: after which position it begins, and the last one. */
  kept(
    log: string,
    signal: AbortSignal,
  ): Promise<{ readonly after: bigint; readonly last: bigint }>;
  /** What is in a log after a position, then what comes. A part may be empty: nothing came for long. */
  follow(log: string, after: bigint, signal: AbortSignal): AsyncIterable<SharedPart>;
}

/** Entries of a log, one after the other. */
export interface SharedPart {
  readonly entries: readonly JsonObject[];
  /** The position of the last one that was read. */
  readonly position: bigint;
}
