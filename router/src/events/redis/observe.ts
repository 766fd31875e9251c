import type { Metrics } from '@weir/kit';
import type { Fsync } from './durability.ts';

/** Is told how the log in Redis does, for metrics. It must not throw. */
export interface LogObserver {
  /** It answers. */
  up(): void;
  /** Something went wrong with it. */
  failed(): void;
  /** When it writes to its disk. */
  promises(fsync: Fsync): void;
}

/** Shows whether the log in Redis answers, and what it promises. */
export function observeLog({ meter }: Pick<Metrics, 'meter'>): LogObserver {
  let isUp = false;
  let fsync: Fsync = 'unknown';
  meter
    .createObservableGauge('weir_events_log_up', {
      description: '1 while the log of events in Redis answers, else 0.',
    })
    .addCallback((result) => result.observe(isUp ? 1 : 0));
  meter
    .createObservableGauge('weir_events_log_durability', {
      description: 'Always 1; the label says when Redis writes to its disk what it acknowledges.',
    })
    .addCallback((result) => result.observe(1, { fsync }));
  return {
    up() {
      isUp = true;
    },
    failed() {
      isUp = false;
    },
    promises(promised) {
      fsync = promised;
    },
  };
}
