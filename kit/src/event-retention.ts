import { bytes, durationMs } from './settings.ts';

/** How long events are kept, where nothing else is set, in milliseconds. */
export const EVENTS_KEPT_MS = 7 * 86_400_000;
/** How much of a tenant's events is kept, where nothing else is set. */
export const EVENTS_MAX_BYTES = 1024 * 1024 * 1024;

/** The settings of how much is kept of events, for whoever keeps them. */
export const retentionSettings = {
  eventsKeptMs: durationMs('WEIR_EVENTS_KEPT', {
    doc: 'How long events are kept',
    default: `${EVENTS_KEPT_MS / 86_400_000}d`,
    min: 1_000,
    max: 3660 * 86_400_000,
  }),
  eventsMaxBytes: bytes('WEIR_EVENTS_MAX_BYTES', {
    doc: 'What the events of a tenant take at most, where they are kept; the oldest are forgotten',
    default: `${EVENTS_MAX_BYTES / 1024 ** 3}GiB`,
    min: 1024 ** 2,
    max: 1024 ** 4,
  }),
};
