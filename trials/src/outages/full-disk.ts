import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { verifyJournal } from '@weir/journal';
import { openFolder } from '../load/weir-process.ts';
import { recordedIn } from './journal-kills.ts';
import { startJournalProcess } from './journal-process.ts';

/** How calls fared whose records found no room. */
export interface FullDisk {
  readonly answered: number;
  readonly refused: number;
  /** The longest that a call waited for its refusal. */
  readonly slowestRefusalMs: number;
  /** From when there was no room to the first refusal. */
  readonly refusedAfterMs: number;
  /** From when there was room again to the first answer. */
  readonly recoveredMs: number;
  /** Answered, and without a record. */
  readonly lost: readonly string[];
  readonly faults: number;
}

const run = promisify(execFile);
const DISK_BYTES = 32 * 1024 * 1024;
const FILLER_BYTES = 28 * 1024 * 1024;
const FULL_MS = 2_000;
const WAIT_MAX_MS = 10_000;
const LOOK_MS = 5;

/**
 * Fills the disk under a process that answers calls, and makes room again. The disk is one in memory:
 * mounting it needs the rights of root. Throws where they are missing.
 */
export async function fillDisk(signal: AbortSignal): Promise<FullDisk> {
  await using folder = await openFolder();
  await using _ = await mountDisk(folder.path);
  const directory = join(folder.path, 'journal');
  const filler = join(folder.path, 'filler');
  await writeFile(filler, Buffer.alloc(FILLER_BYTES));
  await using process = startJournalProcess({ directory, run: 'run0', concurrency: 4 });
  const answered = new Set<string>();
  const refusals: number[] = [];
  let lastAnswerMs = 0;
  process.onAnswered = (id) => {
    answered.add(id);
    lastAnswerMs = performance.now();
  };
  process.onRefused = (tookMs) => void refusals.push(tookMs);
  await process.began;
  await until(() => refusals.length > 0, signal);
  const refusedAfterMs = performance.now() - lastAnswerMs;
  await sleep(FULL_MS);
  const roomMs = performance.now();
  await rm(filler);
  const before = answered.size;
  await until(() => answered.size > before, signal);
  const recoveredMs = performance.now() - roomMs;
  await sleep(FULL_MS / 10);
  await process.kill();
  const recorded = await recordedIn(directory);
  const { faults } = await verifyJournal({ directory });
  return {
    ...{ answered: answered.size, refused: refusals.length, refusedAfterMs, recoveredMs },
    slowestRefusalMs: Math.max(...refusals),
    lost: [...answered].filter((id) => !recorded.has(id)),
    faults: faults.length,
  };
}

async function mountDisk(path: string): Promise<AsyncDisposable> {
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', path]);
  } catch {
    throw new Error('a disk to fill cannot be mounted here: that needs the rights of root');
  }
  return {
    async [Symbol.asyncDispose]() {
      await run('umount', ['-l', path]);
    },
  };
}

async function until(holds: () => boolean, signal: AbortSignal): Promise<void> {
  for (const end = performance.now() + WAIT_MAX_MS; !holds(); await sleep(LOOK_MS)) {
    signal.throwIfAborted();
    if (performance.now() > end) throw new Error('nothing came of it within 10 s');
  }
}
