import type { WriterState } from './writer.ts';

/** Is told what a writer does, for metrics and the log. */
export interface WriterObserver {
  wrote(bytes: number, tookMs: number): void;
  synced(tookMs: number): void;
  /** What was added is there to stay. */
  committed(): void;
  turned(state: WriterState): void;
}
