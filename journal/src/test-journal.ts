import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, systemClock } from '@weir/kit';
import { type Journal, openJournal } from './journal.ts';
import type { JournalOptions } from './options.ts';

/** A place for a journal, for a test. */
export interface Place extends AsyncDisposable {
  readonly directory: string;
  /** Opens the journal that lies there. */
  open(options?: Partial<JournalOptions>): Promise<Journal>;
}

/** Makes a place for a journal in the folder for what is temporary, or another. */
export async function openPlace(parent: string = tmpdir()): Promise<Place> {
  const home = await mkdtemp(join(parent, 'weir-journal-'));
  const directory = join(home, 'journal');
  const defaults = {
    ...{ directory, writer: 'test', durable: false, maxBytes: 1024 ** 3, keepMs: 0 },
    ...{ clock: systemClock, log: createLogger({ name: 'test', level: 'silent' }) },
  };
  return {
    directory,
    open: (options = {}) => openJournal({ ...defaults, ...options }),
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
  };
}

/** Adds records with these texts, and waits until they are written. */
export async function append(journal: Journal, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) journal.append('call', Date.now(), Buffer.from(text));
  await journal.written();
}

/** The texts from `<name>-0` on. */
export function texts(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index}`);
}

/** Waits until something holds, which it must at some time. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}
