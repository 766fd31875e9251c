import { type Meter, ValueType } from '@opentelemetry/api';
import type { Journal, JournalObserver } from '@weir/journal';
import type { Metrics } from '@weir/kit';

const states = ['open', 'stalled', 'failed', 'closed'] as const;

/** From a write into memory to a disk that hangs, in seconds. */
const bucketsS = [0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

/** The metrics of a journal. */
export interface JournalMetrics {
  /** To be given to the journal when it is opened. */
  readonly observer: JournalObserver;
  /** Shows what a journal is at, from now on. */
  watch(journal: Journal): void;
}

/** Makes the metrics of a journal. */
export function observeJournal({ meter }: Pick<Metrics, 'meter'>): JournalMetrics {
  return { observer: measureWrites(meter), watch: (journal) => showState(meter, journal) };
}

function measureWrites(meter: Meter): JournalObserver {
  const advice = { explicitBucketBoundaries: bucketsS };
  const writes = meter.createHistogram('weir_journal_write_seconds', {
    description: 'The time of writes of the journal, each with the records of a turn of the loop.',
    advice,
  });
  const syncs = meter.createHistogram('weir_journal_sync_seconds', {
    description: 'The time until what was written lay on the disk.',
    advice,
  });
  const failures = meter.createCounter('weir_journal_failures', {
    description: 'How often the journal could not be written; calls are refused until it can.',
    valueType: ValueType.INT,
  });
  failures.add(0);
  return {
    wrote: (tookMs) => writes.record(tookMs / 1000),
    synced: (tookMs) => syncs.record(tookMs / 1000),
    failed: () => failures.add(1),
  };
}

function showState(meter: Meter, journal: Journal): void {
  const counter = (name: string, description: string) =>
    meter.createObservableCounter(name, { description, valueType: ValueType.INT });
  const gauge = (name: string, description: string) =>
    meter.createObservableGauge(name, { description, valueType: ValueType.INT });
  const entries = counter('weir_journal_entries', 'Entries written.');
  const bytes = counter('weir_journal_bytes', 'Bytes of entries written.');
  const unshipped = gauge('weir_journal_unshipped_entries', 'Entries the registry does not have.');
  const chains = gauge(
    'weir_journal_unshipped_chains',
    'Chains of earlier starts that the registry does not have whole.',
  );
  const aside = gauge(
    'weir_journal_aside_chains',
    'Chains that cannot be shipped, and are left for people.',
  );
  const asideBytes = gauge(
    'weir_journal_aside_bytes',
    'What those of earlier starts among them take of the disk, beside the used bytes.',
  );
  const used = gauge('weir_journal_used_bytes', 'What the journal takes of the disk.');
  const most = gauge('weir_journal_max_bytes', 'What it may take.');
  const damaged = gauge(
    'weir_journal_damaged_segments',
    'Segments that were found damaged at the start.',
  );
  const state = gauge('weir_journal_state', 'How the journal is: 1 for the state that it is in.');
  meter.addBatchObservableCallback(
    (result) => {
      const { stats } = journal;
      result.observe(entries, stats.entries);
      result.observe(bytes, stats.bytes);
      result.observe(unshipped, stats.unshipped);
      result.observe(chains, stats.unshippedChains);
      result.observe(aside, stats.asideChains);
      result.observe(asideBytes, stats.asideBytes);
      result.observe(used, stats.usedBytes);
      result.observe(most, stats.maxBytes);
      result.observe(damaged, stats.damaged);
      for (const one of states) result.observe(state, one === stats.state ? 1 : 0, { state: one });
    },
    [entries, bytes, unshipped, chains, aside, asideBytes, used, most, damaged, state],
  );
}
