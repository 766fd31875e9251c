import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openJournal } from '@weir/journal';
import { createLogger, systemClock } from '@weir/kit';

// Answers calls as a router does, as fast as it can: each is recorded, and when its record is written,
// its id goes out on a pipe. Killed at any moment, it must have a record of every id that went out.

const { values } = parseArgs({
  options: {
    directory: { type: 'string' },
    /** Begins every id. */
    run: { type: 'string' },
    /** Calls under way at once. */
    concurrency: { type: 'string', default: '16' },
    durable: { type: 'boolean', default: false },
    /** A planted fault: answers before the record is written. */
    early: { type: 'boolean', default: false },
    segment: { type: 'string', default: '65536' },
  },
});

const PAUSE_AFTER_REFUSAL_MS = 10;
const EARLY_BY_MS = 20;
const BODY_BYTES = 400;

const journal = await openJournal({
  ...{ directory: values.directory ?? '', writer: 'trial', durable: values.durable },
  ...{ maxBytes: 1024 ** 3, keepMs: 0, segmentMaxBytes: Number(values.segment) },
  ...{ clock: systemClock, log: createLogger({ name: 'journal', level: 'silent' }) },
});
let calls = 0;
await Promise.all(Array.from({ length: Number(values.concurrency) }, work));

async function work(): Promise<never> {
  for (;;) {
    const id = `${values.run}-${calls++}`;
    const startMs = performance.now();
    try {
      if (values.early) {
        tell(`ok ${id}`);
        setTimeout(() => void record(id), EARLY_BY_MS);
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      await record(id);
      tell(`ok ${id}`);
    } catch {
      tell(`refused ${Math.ceil(performance.now() - startMs)}`);
      await sleep(PAUSE_AFTER_REFUSAL_MS);
    }
  }
}

function record(id: string): Promise<void> | undefined {
  journal.append('call', Date.now(), Buffer.from(id.padEnd(BODY_BYTES)));
  return journal.written();
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
