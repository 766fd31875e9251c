import { bytes, durationMs, flag } from '@weir/kit';

/** The settings of a router's journal. */
export const journalSettings = {
  journalDurable: flag('WEIR_JOURNAL_DURABLE', {
    doc: 'Whether an answer waits until the record of its call lies on the disk; otherwise the end of the process loses none, and the end of the machine at most the last 100 ms',
    default: 'false',
  }),
  journalMaxBytes: bytes('WEIR_JOURNAL_MAX_BYTES', {
    doc: 'What the journal may take of the disk; at nine tenths the router is not ready, and beyond it calls are refused',
    default: '4GiB',
    min: 64 * 1024 * 1024,
  }),
  journalKeepMs: durationMs('WEIR_JOURNAL_KEEP', {
    doc: 'How long records are kept here after the registry has them',
    default: '1h',
  }),
};
