import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openJournal, type Verification, verifyJournal } from '@weir/journal';
import { createLogger, systemClock } from '@weir/kit';
import { openFolder } from '../load/weir-process.ts';

/** What became of changes of a journal. */
export interface Tampering {
  /** Changes that the verifier did not find. */
  readonly unnoticed: readonly string[];
  /** Changes that it found at another place than where they were made. */
  readonly misplaced: readonly string[];
}

/** How often a journal is changed. */
export interface TamperingOptions {
  readonly changes: number;
  readonly signal: AbortSignal;
}

const RECORDS = 40;
const SEGMENT_MAX_BYTES = 4_096 + 3_000;

/** Changes bits of a journal at random places, one at a time, and verifies it each time. */
export async function tamperWithJournal(options: TamperingOptions): Promise<Tampering> {
  await using folder = await openFolder();
  const directory = join(folder.path, 'journal');
  await writeSmallJournal(directory);
  const files = (await readdir(directory, { recursive: true })).filter((n) => n.endsWith('.seg'));
  const unnoticed: string[] = [];
  const misplaced: string[] = [];
  if (!(await verifyJournal({ directory })).ok) throw new Error('the journal was bad before');
  for (let change = 0; change < options.changes && !options.signal.aborted; change += 1) {
    const name = files[Math.floor(Math.random() * files.length)] ?? '';
    const file = join(directory, name);
    const bytes = await readFile(file);
    const offset = Math.floor(Math.random() * bytes.length);
    const changed = Buffer.from(bytes);
    changed[offset] = (changed[offset] ?? 0) ^ (1 << Math.floor(Math.random() * 8));
    await writeFile(file, changed);
    const found = await verifyJournal({ directory });
    if (found.ok) unnoticed.push(`${name} ${offset}`);
    else if (!isThere(found, file, offset)) misplaced.push(`${name} ${offset}`);
    await writeFile(file, bytes);
  }
  return { unnoticed, misplaced };
}

/** Whether the first fault begins at the changed byte, or before it in the same file. */
function isThere({ faults }: Verification, file: string, offset: number): boolean {
  const place = faults[0]?.place;
  return place?.file === file && place.offset <= offset;
}

async function writeSmallJournal(directory: string): Promise<void> {
  for (const name of ['first', 'second']) {
    await using journal = await openJournal({
      ...{ directory, writer: 'trial', durable: false, maxBytes: 1024 ** 3, keepMs: 0 },
      ...{ clock: systemClock, log: createLogger({ name: 'journal', level: 'silent' }) },
      segmentMaxBytes: SEGMENT_MAX_BYTES,
    });
    for (let record = 0; record < RECORDS; record += 1) {
      journal.append('call', Date.now(), Buffer.from(`${name} ${record}`.padEnd(200)));
      await journal.written();
    }
  }
}
